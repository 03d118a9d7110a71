"""What one thread does with a batch: read its files, digest them, compress them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastcrc import crc64

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from ocistacks.blob.compression import CompressedBatch, Compressor
    from ocistacks.blob.pieces import Batch, Chunk

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedBatch:
    """A batch with its tar stream, plain and compressed.

    ``spans`` cut ``content`` into the literal bytes and chunks of the pieces, those of no bytes
    left out. ``digests`` (hexadecimal SHA-256) and ``checksums`` (CRC-64/GO-ISO) are those of the
    chunks, in their order.
    """

    batch: Batch
    content: memoryview
    spans: tuple[slice, ...]
    compressed: CompressedBatch
    digests: tuple[str, ...]
    checksums: tuple[int, ...]


def pack_batch(batch: Batch, compressor: Compressor) -> PackedBatch:
    """Read, digest and compress ``batch``; raise BuildError where a file cannot be read."""
    # One buffer for the whole run: files are read into their place in it, and everything else
    # looks at slices, so that no byte of content is copied.
    content = memoryview(bytearray(batch.size))
    spans: list[slice] = []
    digests: list[str] = []
    checksums: list[int] = []
    position = 0
    for piece in batch.pieces:
        if literal := piece.literal:
            span = slice(position, position + len(literal))
            content[span] = literal
            spans.append(span)
            position = span.stop
        if chunk := piece.chunk:
            span = slice(position, position + chunk.size)
            view = content[span]
            _read_chunk(chunk, view)
            digests.append(hashlib.sha256(view).hexdigest())
            checksums.append(crc64.go_iso(view))
            spans.append(span)
            position = span.stop
    return PackedBatch(
        batch=batch,
        content=content,
        spans=tuple(spans),
        compressed=compressor.compress(content, spans),
        digests=tuple(digests),
        checksums=tuple(checksums),
    )


def _read_chunk(chunk: Chunk, view: memoryview) -> None:
    """Fill ``view`` with a chunk; a file that is longer or shorter than it was is refused."""
    entry = chunk.entry
    # One byte more is asked for, where the file should end, and none may come.
    beyond = [bytearray(1)] if chunk.is_last else []
    try:
        descriptor = os.open(entry.path, _FLAGS)
        try:
            count = more = os.preadv(descriptor, [view, *beyond], chunk.offset)
            while more and count < chunk.size:
                more = os.preadv(descriptor, [view[count:], *beyond], chunk.offset + count)
                count += more
        finally:
            os.close(descriptor)
    except OSError as error:
        raise BuildError(
            "A file of a layer tree cannot be read.",
            where=entry.name,
            found=error.strerror or str(error),
        ) from error
    if count != chunk.size:
        raise BuildError(
            "A file of a layer tree changed while it was packed.",
            where=entry.name,
            found="more bytes" if count > chunk.size else "fewer bytes",
            expected=f"{entry.size} bytes",
            hint="pack again when nothing writes into the tree",
        )
