"""Doing again what failed for a moment."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from ocistacks.registry.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
"""The pauses between attempts that bring nothing: one attempt more than there are pauses."""
LONGEST_IDLE_SECONDS: Final = 300.0
"""How long one transfer may bring nothing, all its attempts and pauses together."""


class Patience:
    """How long one transfer is tried again."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._idle = 0.0
        self._since = clock()
        self._failures = 0

    def alive(self) -> None:
        """Count the time until now as none in which nothing came through."""
        self._since = self._clock()

    def progressed(self) -> None:
        """Begin with the shortest pause again: something came through."""
        self.alive()
        self._failures = 0

    def pause(self, error: TemporaryError) -> None:
        """Wait before the next attempt: as long as the server asked for, else a growing time.

        The latter is made longer by chance, by up to a half, so that clients which failed together
        do not come back together.

        Raises:
            TransferError: ``error``, as one that stays, when patience is at its end.
        """
        self._idle += self._clock() - self._since
        if self._failures == len(PAUSES_SECONDS):
            raise error.lasting() from error
        pause = error.pause
        if pause is None:
            pause = PAUSES_SECONDS[self._failures] * random.uniform(1, 1.5)
        self._idle += pause
        if self._idle > LONGEST_IDLE_SECONDS:
            raise error.lasting() from error
        self._failures += 1
        self._sleep(pause)
        self.alive()


def retried(
    action: Callable[[], _Result], *, sleep: Callable[[float], object] = time.sleep
) -> _Result:
    """Return what ``action`` returns, trying again after a TemporaryError.

    Raises:
        TransferError: the last TemporaryError, as one that stays.
    """
    patience = Patience(sleep=sleep)
    while True:
        try:
            return action()
        except TemporaryError as error:
            patience.pause(error)
