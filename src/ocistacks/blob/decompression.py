"""Decompress a blob as a stream, in bounded memory whatever its bytes say."""

from __future__ import annotations

import zlib
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

import zstandard

from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Bytes. Small enough that a buffer is still in the processor's cache when it is hashed and
# written, large enough that a call's cost does not show.
BUFFER_SIZE: Final = 512 << 10
# Bytes. What the zstd command line accepts too, unless it is told otherwise.
_MAXIMUM_WINDOW_SIZE: Final = 128 << 20
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


class CompressedSource(Protocol):
    """Where compressed bytes come from: a channel, or a file's chunks."""

    def read(self, _size: int = -1, /) -> bytes:
        """Return the next bytes, as many as are there; none at the end."""

    def __iter__(self) -> Iterator[bytes]:
        """Return the same bytes as an iterator."""


class CompressedChunks:
    """Chunks, some of which may be empty, as a source of compressed bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = filter(None, chunks)

    def read(self, _size: int = -1, /) -> bytes:
        """Return the next bytes; none at the end."""
        return next(self._chunks, b"")

    def __iter__(self) -> Iterator[bytes]:
        """Return the same bytes as an iterator."""
        return self._chunks


def decompress(source: CompressedSource, media_type: str, *, maximum_size: int) -> Iterator[bytes]:
    """Yield what the compressed ``source`` holds, in buffers of at most BUFFER_SIZE bytes.

    ``media_type`` is one of the two that ``blob.model`` names. Raises UnsafeContentError for
    another one, for damaged data, and for more than ``maximum_size`` bytes.
    """
    decompressors = {MEDIA_TYPE_TAR_ZSTD: _zstd, MEDIA_TYPE_TAR_GZIP: _gzip}
    if media_type not in decompressors:
        raise UnsafeContentError(
            "A layer is of a media type that ocistacks does not unpack.",
            found=media_type,
            expected=" or ".join(decompressors),
        )
    size = 0
    try:
        for buffer in decompressors[media_type](source):
            size += len(buffer)
            if size > maximum_size:
                raise UnsafeContentError(
                    "A blob holds more than it may.",
                    found=f"more than {maximum_size} bytes when decompressed",
                    expected=f"at most {maximum_size} bytes",
                )
            yield buffer
    except (zstandard.ZstdError, zlib.error) as error:
        raise UnsafeContentError(
            "The compressed data of a blob is damaged.",
            found=str(error),
            hint="fetch the blob again; if that does not help, it was damaged when it was made",
        ) from error


def _zstd(source: CompressedSource) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAXIMUM_WINDOW_SIZE)
    stream = cast("IO[bytes]", source)  # only its method read is used
    # Not closed: a channel's close waits for room, which its reader, this one, would have to make.
    with decompressor.stream_reader(stream, read_across_frames=True, closefd=False) as reader:
        while buffer := reader.read(BUFFER_SIZE):
            yield buffer


def _gzip(source: CompressedSource) -> Iterator[bytes]:
    """Yield the content of all members (RFC 1952, section 2.2)."""
    decompressor = zlib.decompressobj(_GZIP_FORMAT)
    for content in source:
        rest = content
        while rest:
            if decompressor.eof:
                decompressor = zlib.decompressobj(_GZIP_FORMAT)
            if buffer := decompressor.decompress(rest, BUFFER_SIZE):
                yield buffer
            rest = decompressor.unconsumed_tail or decompressor.unused_data
    while buffer := decompressor.decompress(decompressor.unconsumed_tail, BUFFER_SIZE):
        yield buffer
