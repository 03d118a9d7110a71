"""What one thread does with a batch that was read: digest its chunks, compress it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastcrc import crc64

if TYPE_CHECKING:
    from ocistacks.blob.batch_reading import ReadBatch
    from ocistacks.blob.compression import CompressedBatch, Compressor


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedBatch:
    """A batch with its tar stream, plain and compressed.

    ``digests`` (hexadecimal SHA-256) and ``checksums`` (CRC-64/GO-ISO) are those of the chunks,
    in their order.
    """

    read: ReadBatch
    compressed: CompressedBatch
    digests: tuple[str, ...]
    checksums: tuple[int, ...]


def pack_batch(read: ReadBatch, compressor: Compressor) -> PackedBatch:
    """Digest and compress what was read of a batch."""
    return PackedBatch(
        read=read,
        compressed=compressor.compress(read.content, read.spans),
        digests=tuple(hashlib.sha256(chunk).hexdigest() for chunk in read.chunks),
        checksums=tuple(crc64.go_iso(chunk) for chunk in read.chunks),
    )
