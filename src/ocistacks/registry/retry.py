"""Doing again what failed for a moment."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from ocistacks.registry.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0)
"""The pauses between attempts: one attempt more than there are pauses."""


def retried(
    action: Callable[[], _Result], *, sleep: Callable[[float], object] = time.sleep
) -> _Result:
    """Return what ``action`` returns, trying again after a TemporaryError.

    A pause is what the server asked for, else up to half as much again as PAUSES_SECONDS says, so
    that clients which failed together do not come back together. The last error is raised.
    """
    for pause in PAUSES_SECONDS:
        try:
            return action()
        except TemporaryError as error:
            jitter = pause * random.uniform(0, 0.5)
            sleep(pause + jitter if error.pause is None else error.pause)
    return action()
