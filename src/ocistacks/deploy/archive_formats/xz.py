"""Write an .xz file whose blocks are compressed on several threads.

Format: "The .xz File Format" 1.2.1, sections 2 (stream) to 4 (index). The file is one stream of
many blocks, as `xz -T` writes it, because some readers stop after the first stream. liblzma makes
a whole stream of each part of the input; what is done here is to take the block out of each, and
to write one index for all of them.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from ocistacks.deploy.archive_formats.in_order import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Bytes of input in a block: as much as the dictionary of liblzma's default preset holds. Larger
# blocks shrink a Python runtime by less than a hundredth more.
_BLOCK_SIZE: Final = 8 << 20
_HEADER_SIZE: Final = 12
_FOOTER_SIZE: Final = 12
_FOOTER_MAGIC: Final = b"YZ"
_INDEX_INDICATOR: Final = b"\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """A compressed block; ``padded`` has the zero bytes that fill it up to four."""

    padded: bytes
    unpadded_size: int
    uncompressed_size: int


def write_xz(content: Iterable[bytes], output: BinaryIO, *, threads: int) -> None:
    """Compress ``content``, buffers of any size, to ``output``.

    The bytes depend on the content and the release of liblzma, not on the buffers or ``threads``.
    Memory is about 130 MB a thread.
    """
    header = lzma.compress(b"", lzma.FORMAT_XZ)[:_HEADER_SIZE]
    output.write(header)
    records = []
    for block in in_order(
        _compress, _cut(content, _BLOCK_SIZE), threads=threads, ahead=threads + 1
    ):
        output.write(block.padded)
        records.append((block.unpadded_size, block.uncompressed_size))
    index = _index(records)
    output.write(index)
    output.write(_footer(len(index), stream_flags=header[6:8]))


def _compress(content: bytes) -> _Block:
    stream = lzma.compress(content, lzma.FORMAT_XZ)
    footer = stream[-_FOOTER_SIZE:]
    (stored_index_size,) = struct.unpack("<I", footer[4:8])
    index_start = len(stream) - _FOOTER_SIZE - (stored_index_size + 1) * 4
    # The index holds one record: its indicator, the number 1, and the block's two sizes.
    unpadded_size, _position = _read_number(stream, index_start + 2)
    return _Block(
        padded=stream[_HEADER_SIZE:index_start],
        unpadded_size=unpadded_size,
        uncompressed_size=len(content),
    )


def _cut(buffers: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of ``size``, the last one shorter."""
    held = bytearray()
    for buffer in buffers:
        held += buffer
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _index(records: list[tuple[int, int]]) -> bytes:
    """Return the index (section 4): the sizes of all blocks, padded to four bytes, and a CRC."""
    parts = [_INDEX_INDICATOR, _number(len(records))]
    for unpadded_size, uncompressed_size in records:
        parts += (_number(unpadded_size), _number(uncompressed_size))
    index = b"".join(parts)
    index += bytes(-len(index) % 4)
    return index + struct.pack("<I", zlib.crc32(index))


def _footer(index_size: int, *, stream_flags: bytes) -> bytes:
    """Return the stream footer (section 2.1.2)."""
    body = struct.pack("<I", index_size // 4 - 1) + stream_flags
    return struct.pack("<I", zlib.crc32(body)) + body + _FOOTER_MAGIC


def _number(value: int) -> bytes:
    """Return a variable-length integer (section 1.2): seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_number(content: bytes, position: int) -> tuple[int, int]:
    """Return the variable-length integer at ``position``, and the position behind it."""
    value = shift = 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
