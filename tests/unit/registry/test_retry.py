from __future__ import annotations

import pytest

from ocistacks.errors import TransferError
from ocistacks.registry.errors import TemporaryError
from ocistacks.registry.retry import Patience, retried


class Flaky:
    """Raises the errors, then returns 'done'."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def temporary(pause=None):
    error = TemporaryError("It failed.", hint="Wait.")
    error.pause = pause
    return error


def test_what_works_is_done_once():
    action, pauses = Flaky(), []
    assert retried(action, sleep=pauses.append) == "done"
    assert (action.calls, pauses) == (1, [])


def test_pauses_grow_with_jitter():
    pauses = []
    assert retried(Flaky(*(temporary() for _ in range(4))), sleep=pauses.append) == "done"
    for pause, least in zip(pauses, (0.5, 1.0, 2.0, 4.0), strict=True):
        assert least <= pause <= least * 1.5


def test_the_server_says_how_long():
    pauses = []
    assert retried(Flaky(temporary(7), temporary(0)), sleep=pauses.append) == "done"
    assert pauses == [7, 0]


def test_it_ends():
    action = Flaky(*(temporary(0) for _ in range(9)))
    with pytest.raises(TransferError) as raised:
        retried(action, sleep=lambda seconds: None)
    assert action.calls == 5
    # Else whoever calls would have all attempts made again.
    assert not isinstance(raised.value, TemporaryError)
    assert str(raised.value) == "It failed.\n  hint: Wait."


def test_it_ends_after_a_time():
    action = Flaky(*(temporary(90) for _ in range(9)))
    pauses = []
    with pytest.raises(TransferError):
        retried(action, sleep=pauses.append)
    assert pauses == [90, 90, 90]


def test_progress_gives_new_attempts_but_no_new_time():
    now = 0.0
    pauses = []

    def sleep(seconds):
        nonlocal now
        now += seconds
        pauses.append(seconds)

    patience = Patience(sleep=sleep, clock=lambda: now)
    with pytest.raises(TransferError):
        while True:
            now += 20  # until a time-out
            patience.pause(temporary(9))
            now += 1000  # a long time, but not idle
            patience.progressed()
    assert pauses == [9] * 10


def test_what_stays_wrong_is_not_tried_again():
    action = Flaky(TransferError("No."))
    with pytest.raises(TransferError, match=r"^No\.$"):
        retried(action)
    assert action.calls == 1
