"""How a tar stream is cut: into frames, and into batches that one thread packs at a time.

The cut depends on the entries alone, never on the number of threads, because it shows in the
bytes of the blob: in which frames there are, and in the chunks that the table of contents lists.
What is cut is tuples: dataclasses that are frozen take five times as long to make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ocistacks.blob.tar_header import END_OF_ARCHIVE, encode_header, padding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.tree_walk import Entry

# Bytes. Twice the window of zstd's level 3, so that cutting costs hardly any compression, and
# small enough that all cores work on one large library.
CHUNK_SIZE: Final = 4 << 20
# Bytes. Large enough that a thread's work dwarfs the cost of handing it over.
BATCH_SIZE: Final = 1 << 20
# Bytes. Bounds the frame that a long run of folders, links and empty files makes.
HEADERS_SIZE: Final = 256 << 10


class Header(NamedTuple):
    """An entry and the bytes up to the end of its header: the padding before it, its header."""

    entry: Entry
    segment: bytes


class Chunk(NamedTuple):
    """``size`` bytes of a file's content, from ``offset`` on."""

    entry: Entry
    offset: int
    size: int

    @property
    def is_last(self) -> bool:
        """Whether the file ends with this chunk."""
        return self.offset + self.size == self.entry.size


class Piece(NamedTuple):
    """A run of headers, the end of the archive, or neither; then a chunk of content, or none.

    ``literal`` are the bytes before the chunk: they make one frame.
    """

    literal: bytes = b""
    headers: tuple[Header, ...] = ()
    ending: bytes = b""
    chunk: Chunk | None = None


class Batch(NamedTuple):
    """Adjacent pieces and the length of their tar stream in bytes."""

    pieces: tuple[Piece, ...]
    size: int


def cut_entries(entries: Iterable[Entry]) -> Iterator[Piece]:
    """Yield the tar stream of ``entries`` as pieces; the last one holds the end of the archive."""
    headers: list[Header] = []
    literal = bytearray()
    gap = b""
    for entry in entries:
        segment = gap + encode_header(entry)
        headers.append(Header(entry, segment))
        literal += segment
        gap = padding(entry.size)
        if entry.size:
            first, *others = _chunks(entry)
            yield Piece(bytes(literal), tuple(headers), chunk=first)
            for chunk in others:
                yield Piece(chunk=chunk)
        elif len(literal) >= HEADERS_SIZE:
            yield Piece(bytes(literal), tuple(headers))
        else:
            continue
        headers = []
        literal = bytearray()
    ending = gap + END_OF_ARCHIVE
    yield Piece(bytes(literal) + ending, tuple(headers), ending=ending)


def _chunks(entry: Entry) -> list[Chunk]:
    if entry.size <= CHUNK_SIZE:
        return [Chunk(entry, 0, entry.size)]
    return [
        Chunk(entry, offset, min(CHUNK_SIZE, entry.size - offset))
        for offset in range(0, entry.size, CHUNK_SIZE)
    ]


def gather_batches(pieces: Iterable[Piece]) -> Iterator[Batch]:
    """Yield ``pieces`` in batches of at least BATCH_SIZE bytes each, the last one excepted."""
    gathered: list[Piece] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece.literal) + (piece.chunk.size if piece.chunk else 0)
        if size >= BATCH_SIZE:
            yield Batch(pieces=tuple(gathered), size=size)
            gathered = []
            size = 0
    if gathered:
        yield Batch(pieces=tuple(gathered), size=size)
