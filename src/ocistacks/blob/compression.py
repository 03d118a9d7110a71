"""The two ways to compress a batch: a zstd frame for each span, or one gzip member for all."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import zstandard

from ocistacks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.blob.model import Compression

_GZIP_FORMAT = 16 + zlib.MAX_WBITS
# Level 3, the default, with a hash table of 128 KB where zstd's has 512: with the other table, of
# 256 KB, it stays in the cache of a core. That is a tenth faster, and less than a hundredth larger.
_DEFAULT_LEVEL = 3
_DEFAULT_HASH_LOG = 15
_LEVELS = {"zstd": range(1, zstandard.MAX_COMPRESSION_LEVEL + 1), "gzip": range(1, 10)}


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressedBatch:
    """What a batch became: ``content`` is made of parts that decompress alone, of these sizes."""

    content: bytes
    sizes: tuple[int, ...]


class Compressor(Protocol):
    """Compresses batches, each on whichever thread calls; the bytes depend on the batch alone."""

    def compress(self, content: memoryview, spans: Sequence[slice]) -> CompressedBatch:
        """Return ``content``, which ``spans`` cover without gaps, as compressed parts in order."""


class ZstdFrames:
    """Makes each span a zstd frame of its own (RFC 8878), with its content size in its header."""

    def __init__(self, level: int) -> None:
        self._parameters = zstandard.ZstdCompressionParameters(
            compression_level=level,
            hash_log=_DEFAULT_HASH_LOG if level == _DEFAULT_LEVEL else 0,  # 0: that of the level
        )

    def compress(self, content: memoryview, spans: Sequence[slice]) -> CompressedBatch:
        """Return one frame for each span."""
        places = array("Q", (number for span in spans for number in (span.start, _size(span))))
        # All frames in one call: whenever Python's lock is let go, another thread may keep it.
        made = zstandard.ZstdCompressor(
            compression_params=self._parameters
        ).multi_compress_to_buffer(
            zstandard.BufferWithSegments(content, places.tobytes()), threads=1
        )
        frames = [made[index].tobytes() for index in range(len(made))]
        return CompressedBatch(content=b"".join(frames), sizes=tuple(map(len, frames)))


class GzipMembers:
    """Makes a batch one gzip member (RFC 1952), without name and time."""

    def __init__(self, level: int) -> None:
        self._level = level

    def compress(self, content: memoryview, spans: Sequence[slice]) -> CompressedBatch:
        """Return one member for all spans."""
        compressor = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP_FORMAT)
        member = compressor.compress(content) + compressor.flush()
        return CompressedBatch(content=member, sizes=(len(member),))


def _size(span: slice) -> int:
    return int(span.stop - span.start)


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
