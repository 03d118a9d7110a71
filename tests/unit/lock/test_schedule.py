"""Jobs that wait for others."""

from threading import Event

import pytest

from ocistacks.errors import LockError
from ocistacks.lock.schedule import run_in_order

DIAMOND = {"base": [], "left": ["base"], "right": ["base"], "top": ["left", "right", "base"]}


def run(needs, job, *, workers=4):
    done = []
    return run_in_order(needs, job, workers=workers, on_done=lambda: done.append(1)), len(done)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_job_sees_the_results_of_those_it_needs(workers):
    def job(name, results):
        return name + "".join(sorted(results[one] for one in DIAMOND[name]))

    finished, done = run(DIAMOND, job, workers=workers)

    assert finished.results == {
        "base": "base",
        "left": "leftbase",
        "right": "rightbase",
        "top": "topbaseleftbaserightbase",
    }
    assert (finished.failures, finished.not_tried, done) == ({}, {}, 4)


def test_a_job_starts_while_one_that_it_does_not_need_still_runs():
    started = Event()

    def job(name, _results):
        if name == "slow":
            assert started.wait(timeout=20)
        if name == "above":
            started.set()
        return name

    finished, _ = run({"slow": [], "quick": [], "above": ["quick"]}, job)

    assert set(finished.results) == {"slow", "quick", "above"}


def test_a_failure_ends_those_that_need_it_and_no_others():
    needs = {**DIAMOND, "peak": ["top"], "alone": []}

    def job(name, _results):
        if name in ("left", "right"):
            raise LockError(name)
        return name

    finished, done = run(needs, job)

    assert list(finished.failures) == ["left", "right"]
    assert finished.not_tried == {"top": ("left", "right"), "peak": ("left", "right")}
    assert set(finished.results) == {"base", "alone"}
    assert done == 4


def test_a_fault_of_the_program_ends_all():
    def job(name, _results):
        raise ZeroDivisionError(name)

    with pytest.raises(ZeroDivisionError):
        run(DIAMOND, job)


def test_nothing_to_do():
    finished, done = run({}, lambda name, _results: name)
    assert (finished.results, done) == ({}, 0)
