"""bubblewrap, which ends before the program begins where a mount vanishes meanwhile.

It goes through all mounts of this machine, one after the other; those of containers come and go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_VANISHED: Final = re.compile(
    r"bwrap: Can't bind mount .*: Unable to apply mount flags: remount .*: "
    r"(No such file or directory|Invalid argument)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a program ended: ``answer`` is the last line of its stdout, ``told`` its stderr's end."""

    code: int
    answer: str
    told: Sequence[str]


def settled(attempt: Callable[[], Ended]) -> Ended:
    """Return how ``attempt`` ended, after making it once more where a mount vanished."""
    ended = attempt()
    vanished = ended.code != 0 and len(ended.told) == 1 and _VANISHED.fullmatch(ended.told[0])
    return attempt() if vanished else ended
