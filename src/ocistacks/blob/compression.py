"""The two ways to compress a batch: a zstd frame for each span, or one gzip member for all."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING, Protocol

import zstandard

from ocistacks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.blob.model import Compression

_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_LEVELS = {"zstd": range(1, zstandard.MAX_COMPRESSION_LEVEL + 1), "gzip": range(1, 10)}


class Compressor(Protocol):
    """Compresses batches, each on whichever thread calls; the bytes depend on the batch alone."""

    def compress(self, content: memoryview, spans: Sequence[slice]) -> list[bytes]:
        """Return ``content``, which ``spans`` cover without gaps, as compressed parts in order."""


class ZstdFrames:
    """Makes each span a zstd frame of its own (RFC 8878), with its content size in its header."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._threads = threading.local()

    def compress(self, content: memoryview, spans: Sequence[slice]) -> list[bytes]:
        """Return one frame for each span."""
        compressor: zstandard.ZstdCompressor | None = getattr(self._threads, "compressor", None)
        if compressor is None:
            # One for each thread: its tables are what costs time to make. It runs single-threaded
            # itself, because zstd's own threads cut a frame where a single thread does not.
            compressor = zstandard.ZstdCompressor(level=self._level)
            self._threads.compressor = compressor
        return [compressor.compress(content[span]) for span in spans]


class GzipMembers:
    """Makes a batch one gzip member (RFC 1952), without name and time."""

    def __init__(self, level: int) -> None:
        self._level = level

    def compress(self, content: memoryview, spans: Sequence[slice]) -> list[bytes]:
        """Return one member for all spans."""
        compressor = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP_FORMAT)
        return [compressor.compress(content) + compressor.flush()]


def make_compressor(compression: Compression, level: int) -> Compressor:
    """Return the compressor for a format and level; raise UsageError for a level it lacks."""
    levels = _LEVELS[compression]
    if level not in levels:
        raise UsageError(
            f"{compression} has no such compression level.",
            found=str(level),
            expected=f"{levels.start} to {levels.stop - 1}",
        )
    return ZstdFrames(level) if compression == "zstd" else GzipMembers(level)
