"""Write a zip file whose members are compressed on several threads."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from ocistacks.blob.model import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, SYMLINK_MODE
from ocistacks.blob.tar_header import BLOCK_SIZE
from ocistacks.blob.tar_reader import TarStream, read_members
from ocistacks.deploy.archive_formats.in_order import in_order
from ocistacks.deploy.archive_formats.zip_records import (
    DEFLATED,
    STORED,
    WrittenEntry,
    ZipEntry,
    central_header,
    end_of_archive,
    local_header,
)
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.tree_shape import TreeEntry

# Bytes of content that are compressed by themselves. Deflate looks back 32 KiB, so that cuts cost
# next to nothing.
_PIECE_SIZE: Final = 1 << 20
_PIECES_AHEAD_PER_THREAD: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """A part of an entry's content, the whole where it is both first and last."""

    entry: ZipEntry
    content: bytes
    is_first: bool
    is_last: bool


def write_zip(tar: Iterable[bytes], output: BinaryIO, *, threads: int) -> None:
    """Write the members of a tar stream, buffers of any size, as a zip file to ``output``.

    Folders, modes and symbolic links are kept as Info-ZIP's tools do. ``output`` can be sought in.
    The bytes depend on the tar stream and the release of zlib, not on ``threads``.

    Raises:
        UnsafeContentError: the stream is damaged or holds a hard link, which a blob never does.
    """
    writer = _Writer(output)
    ahead = threads * _PIECES_AHEAD_PER_THREAD
    for piece, compressed in in_order(_compress, _pieces(tar), threads=threads, ahead=ahead):
        writer.write(piece, compressed)
    writer.finish()


def _pieces(tar: Iterable[bytes]) -> Iterator[_Piece]:
    stream = TarStream(tar)
    for member in read_members(stream):
        entry = _entry(member)
        if member.kind == "symlink":
            target = member.link_name.encode()
            yield _Piece(entry=entry, content=target, is_first=True, is_last=True)
            continue
        # One piece at least, also of a folder and of an empty file.
        for start in range(0, max(member.size, 1), _PIECE_SIZE):
            size = min(_PIECE_SIZE, member.size - start)
            yield _Piece(
                entry=entry,
                content=stream.take(size),
                is_first=start == 0,
                is_last=start + size == member.size,
            )
        stream.take(-member.size % BLOCK_SIZE)


def _entry(member: TreeEntry) -> ZipEntry:
    if member.kind == "hardlink":
        raise UnsafeContentError("A blob holds a hard link.", where=member.name)
    if member.kind == "dir":
        mode, size = stat.S_IFDIR | DIRECTORY_MODE, 0
    elif member.kind == "symlink":
        mode, size = stat.S_IFLNK | SYMLINK_MODE, len(member.link_name.encode())
    else:
        mode = stat.S_IFREG | (EXECUTABLE_MODE if member.executable else FILE_MODE)
        size = member.size
    is_file = member.kind == "reg" and size > 0
    return ZipEntry(name=member.name, mode=mode, size=size, method=DEFLATED if is_file else STORED)


def _compress(piece: _Piece) -> tuple[_Piece, bytes]:
    if piece.entry.method == STORED:
        return piece, piece.content
    compressor = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A full flush ends on a byte and needs nothing that was before: what follows can be joined.
    end = zlib.Z_FINISH if piece.is_last else zlib.Z_FULL_FLUSH
    return piece, compressor.compress(piece.content) + compressor.flush(end)


class _Writer:
    """Writes the pieces of entries in order, then the central directory."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._written: list[WrittenEntry] = []
        self._offset = 0
        self._checksum = 0
        self._compressed_size = 0

    def write(self, piece: _Piece, compressed: bytes) -> None:
        if piece.is_first:
            self._offset = self._output.tell()
            self._checksum = self._compressed_size = 0
            self._output.write(local_header(piece.entry, checksum=0, compressed_size=0))
        self._checksum = zlib.crc32(piece.content, self._checksum)
        self._compressed_size += len(compressed)
        self._output.write(compressed)
        if piece.is_last:
            self._complete(piece.entry)

    def finish(self) -> None:
        offset = self._output.tell()
        for written in self._written:
            self._output.write(central_header(written))
        size = self._output.tell() - offset
        self._output.write(end_of_archive(len(self._written), offset=offset, size=size))

    def _complete(self, entry: ZipEntry) -> None:
        """Write the local header again, now that all of it is known."""
        self._output.seek(self._offset)
        header = local_header(entry, checksum=self._checksum, compressed_size=self._compressed_size)
        self._output.write(header)
        self._output.seek(0, os.SEEK_END)
        self._written.append(
            WrittenEntry(
                entry=entry,
                offset=self._offset,
                checksum=self._checksum,
                compressed_size=self._compressed_size,
            )
        )
