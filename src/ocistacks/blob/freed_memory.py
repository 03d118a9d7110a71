"""Memory that is freed stays with the process while batches of the same size come and go."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

# Parameters of mallopt(3), and bytes: as much as the batches under way take together.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 64 << 20


@cache
def keep_freed_memory() -> None:
    """Have malloc keep what is freed, up to 64 MB an arena, for the next allocation.

    By default glibc gives the buffers of each batch back to the kernel, and their pages are
    zeroed and mapped again for the next one. A C library that has no mallopt is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
