"""The records of a zip file, with the 64-bit extension where a number needs it.

Format: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory),
4.3.14 to 4.3.16 (its end), 4.5.3 (64-bit extra field). Modes are those that Info-ZIP's tools
keep in the external attributes.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import Final, Literal

STORED: Final = 0
DEFLATED: Final = 8

_VERSION: Final = 20
_VERSION_64: Final = 45
_MADE_ON_UNIX: Final = 3 << 8
_UTF8_NAME: Final = 1 << 11
_DOS_DIRECTORY: Final = 0x10
# 1980-01-01 00:00, the time that all entries of a blob have; a zip file has no time zone.
_DOS_TIME: Final = 0
_DOS_DATE: Final = 1 << 5 | 1
_EXTRA_64: Final = 1
_LARGEST_16: Final = 0xFFFF
_LARGEST_32: Final = 0xFFFFFFFF
# Deflate makes what it cannot shrink a little larger: 5 bytes for each 16 KiB.
_ROOM_TO_GROW: Final = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipEntry:
    """An entry before it is written: ``size`` is that of its content, ``mode`` with its type."""

    name: str
    mode: int
    size: int
    method: Literal[0, 8]

    @property
    def is_large(self) -> bool:
        """Whether the sizes of the entry may need 64 bits."""
        return self.size > _LARGEST_32 - _ROOM_TO_GROW

    @property
    def encoded_name(self) -> bytes:
        """The name as it is written: a folder's ends in a slash."""
        return (self.name + "/" if stat.S_ISDIR(self.mode) else self.name).encode()

    @property
    def flags(self) -> int:
        """The general purpose flags."""
        return 0 if self.name.isascii() else _UTF8_NAME


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenEntry:
    """An entry of which everything is known; ``offset`` is that of its local header."""

    entry: ZipEntry
    offset: int
    checksum: int
    compressed_size: int


def local_header(entry: ZipEntry, *, checksum: int, compressed_size: int) -> bytes:
    """Return an entry's local header; its length depends on ``entry`` alone."""
    sizes, extra = (compressed_size, entry.size), b""
    if entry.is_large:
        extra = struct.pack("<HHQQ", _EXTRA_64, 16, entry.size, compressed_size)
        sizes = (_LARGEST_32, _LARGEST_32)
    name = entry.encoded_name
    return (
        struct.pack(
            "<4s5H3I2H",
            b"PK\3\4",
            _VERSION_64 if entry.is_large else _VERSION,
            entry.flags,
            entry.method,
            _DOS_TIME,
            _DOS_DATE,
            checksum,
            *sizes,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def central_header(written: WrittenEntry) -> bytes:
    """Return an entry's header in the central directory."""
    entry = written.entry
    values = (entry.size, written.compressed_size, written.offset)
    large = [value for value in values if value >= _LARGEST_32]
    size, compressed_size, offset = (min(value, _LARGEST_32) for value in values)
    extra = b""
    if large:
        extra = struct.pack(f"<HH{len(large)}Q", _EXTRA_64, 8 * len(large), *large)
    version = _VERSION_64 if large or entry.is_large else _VERSION
    name = entry.encoded_name
    return (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            _MADE_ON_UNIX | version,
            version,
            entry.flags,
            entry.method,
            _DOS_TIME,
            _DOS_DATE,
            written.checksum,
            compressed_size,
            size,
            len(name),
            len(extra),
            0,  # comment
            0,  # disk
            0,  # internal attributes
            entry.mode << 16 | (_DOS_DIRECTORY if stat.S_ISDIR(entry.mode) else 0),
            offset,
        )
        + name
        + extra
    )


def end_of_archive(count: int, *, offset: int, size: int) -> bytes:
    """Return what follows a central directory of ``count`` entries, ``size`` bytes long."""
    records = b""
    if count >= _LARGEST_16 or offset >= _LARGEST_32 or size >= _LARGEST_32:
        records = struct.pack(
            "<4sQ2H2I4Q",
            b"PK\6\6",
            44,  # bytes of this record that follow
            _MADE_ON_UNIX | _VERSION_64,
            _VERSION_64,
            0,
            0,
            count,
            count,
            size,
            offset,
        ) + struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    short_count = min(count, _LARGEST_16)
    return records + struct.pack(
        "<4s4H2IH",
        b"PK\5\6",
        0,
        0,
        short_count,
        short_count,
        min(size, _LARGEST_32),
        min(offset, _LARGEST_32),
        0,
    )
