"""The table of contents and the tar-split stream, gathered while the frames are written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import zstandard
from fastcrc import crc64

from ocistacks.blob.tar_split import TarSplitLines
from ocistacks.blob.toc import (
    SKIPPABLE_HEADER_SIZE,
    Footer,
    Part,
    annotations_of,
    chunk_entry,
    encode_footer,
    skippable_frame,
    toc_entry,
)
from ocistacks.digests import Digest

if TYPE_CHECKING:
    from ocistacks.blob.batch_packing import PackedBatch
    from ocistacks.blob.pieces import Chunk, Header

# Whatever the level of the blob: level 3 takes twice the time for these texts and makes them
# larger.
_LEVEL: Final = 1


class _PlacedChunk(NamedTuple):
    """A chunk, its hexadecimal SHA-256, and the bytes of the blob that its frame takes."""

    chunk: Chunk
    digest: str
    start: int
    end: int


class Tables:
    """Takes the batches of one blob in order, with the places of their frames.

    Both streams are compressed as they grow: for a hundred thousand files they would be a
    hundred megabytes of text, of which a tenth stays when compressed.
    """

    def __init__(self) -> None:
        self._toc = _CompressedText()
        self._toc.write('{"version":1,"entries":[')
        self._tar_split = _CompressedText()
        self._lines = TarSplitLines()
        self._separator = ""
        self._cut_file: _CutFile | None = None
        self._toc_text: list[str] = []
        self._split_text: list[str] = []

    def add(self, packed: PackedBatch, position: int) -> None:
        """Add a batch whose first frame begins at byte ``position`` of the blob."""
        sizes = iter(packed.compressed.sizes)
        contents = iter(packed.read.chunks)
        digests = zip(packed.digests, packed.checksums, strict=True)
        for piece in packed.read.batch.pieces:
            if piece.headers or piece.ending:
                position += next(sizes)
            for header in piece.headers:
                self._add_header(header)
            if piece.ending:
                self._split_text.append(self._lines.ending(piece.ending))
            if piece.chunk:
                start, position = position, position + next(sizes)
                digest, checksum = next(digests)
                placed = _PlacedChunk(piece.chunk, digest, start, position)
                content = next(contents)
                if piece.chunk.size == piece.chunk.entry.size:
                    self._add_file(placed, checksum)
                else:
                    self._add_chunk(placed, content)
        self._flush()

    def finish(self, position: int) -> tuple[list[bytes], dict[str, str]]:
        """Return the frames that end a blob at byte ``position``, and the blob's annotations."""
        tar_split = self._tar_split.finish()
        self._toc.write(f'],"tarSplitDigest":"{Digest.of_bytes(tar_split)}"}}')
        toc = self._toc.finish()
        toc_offset = position + SKIPPABLE_HEADER_SIZE
        footer = Footer(
            toc=Part(offset=toc_offset, size=len(toc), uncompressed_size=self._toc.written),
            tar_split=Part(
                offset=toc_offset + len(toc) + SKIPPABLE_HEADER_SIZE,
                size=len(tar_split),
                uncompressed_size=self._tar_split.written,
            ),
        )
        frames = [skippable_frame(part) for part in (toc, tar_split, encode_footer(footer))]
        return frames, annotations_of(footer, Digest.of_bytes(toc))

    def _add_header(self, header: Header) -> None:
        self._split_text.append(self._lines.header(header))
        if not header.entry.size:
            self._add_line(toc_entry(header.entry))

    def _add_file(self, placed: _PlacedChunk, checksum: int) -> None:
        """Add a file that is one chunk."""
        entry = placed.chunk.entry
        self._split_text.append(self._lines.content(entry.name, entry.size, checksum))
        place = (
            f',"digest":"sha256:{placed.digest}","offset":{placed.start},"endOffset":{placed.end}'
        )
        self._add_line(toc_entry(entry, placement=place))

    def _add_chunk(self, placed: _PlacedChunk, content: memoryview) -> None:
        """Add a chunk of a file that has several; the last one adds the file."""
        if self._cut_file is None:
            self._cut_file = _CutFile()
        self._cut_file.add(placed, content)
        if placed.chunk.is_last:
            entry = placed.chunk.entry
            checksum = self._cut_file.checksum
            self._split_text.append(self._lines.content(entry.name, entry.size, checksum))
            for line in self._cut_file.lines():
                self._add_line(line)
            self._cut_file = None

    def _add_line(self, line: str) -> None:
        self._toc_text.append(self._separator + line)
        self._separator = ","

    def _flush(self) -> None:
        self._toc.write("".join(self._toc_text))
        self._tar_split.write("".join(self._split_text))
        self._toc_text.clear()
        self._split_text.clear()


class _CutFile:
    """A file of several chunks, of which some have come."""

    def __init__(self) -> None:
        self._chunks: list[_PlacedChunk] = []
        self._hasher = hashlib.sha256()
        self._end = 0
        self.checksum = 0

    def add(self, placed: _PlacedChunk, content: memoryview) -> None:
        self._chunks.append(placed)
        self._end = placed.end
        self._hasher.update(content)
        self.checksum = crc64.go_iso(content, self.checksum)

    def lines(self) -> list[str]:
        """Return the entries of the file and of its later chunks.

        ``endOffset`` is the end of the file on the first and of each chunk on the others: newer
        readers take the last one's for the file's, and 0 for unknown.
        """
        entry = self._chunks[0].chunk.entry
        whole = f',"digest":"sha256:{self._hasher.hexdigest()}"'
        lines = []
        for placed in self._chunks:
            offset = placed.chunk.offset
            place = (
                f',"offset":{placed.start},"endOffset":{placed.end if offset else self._end}'
                f',"chunkSize":{placed.chunk.size},"chunkDigest":"sha256:{placed.digest}"'
            )
            if offset:
                lines.append(chunk_entry(entry.name, offset=offset, placement=place))
            else:
                lines.append(toc_entry(entry, placement=whole + place))
        return lines


class _CompressedText:
    """A zstd frame that text is added to; ``written`` counts its bytes before compression."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._parts: list[bytes] = []
        self.written = 0

    def write(self, text: str) -> None:
        content = text.encode()
        self.written += len(content)
        self._parts.append(self._compressor.compress(content))

    def finish(self) -> bytes:
        self._parts.append(self._compressor.flush())
        return b"".join(self._parts)
