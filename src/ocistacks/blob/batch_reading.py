"""Reads the files of batches into memory that is used again."""

from __future__ import annotations

import mmap
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from ocistacks.blob.pieces import Batch, Chunk

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadBatch:
    """A batch with its tar stream.

    ``spans`` cut ``content`` into the literal bytes and chunks of the pieces, those of no bytes
    left out; ``chunks`` are the contents of the chunks alone.
    """

    batch: Batch
    content: memoryview
    spans: tuple[slice, ...]
    chunks: tuple[memoryview, ...]


class BatchReader:
    """Reads batches into a ring of memory: each behind the one before, and from the start again.

    Memory that is new for each batch would be filled with zeros first, which takes a third of the
    time of reading.
    """

    def __init__(self, size: int) -> None:
        """Make room for batches of ``size`` bytes that were read and not given back."""
        self._memory = memoryview(mmap.mmap(-1, size))
        self._used: deque[slice] = deque()

    def read(self, batch: Batch) -> ReadBatch:
        """Read ``batch``; raise BuildError where a file cannot be read."""
        # Files are read into their place in one run of bytes, and everything else looks at slices
        # of it, so that no byte of content is copied.
        content = self._take(batch.size)
        spans: list[slice] = []
        chunks: list[memoryview] = []
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
                spans.append(span)
                chunks.append(view)
                position = span.stop
        return ReadBatch(batch=batch, content=content, spans=tuple(spans), chunks=tuple(chunks))

    def give_back(self) -> None:
        """Let the next batches overwrite the one that was read first of those not given back."""
        self._used.popleft()

    def _take(self, size: int) -> memoryview:
        """Return memory for a batch: of the ring, or its own where the ring has no room."""
        start = self._used[-1].stop if self._used else 0
        oldest = self._used[0].start if self._used else 0
        # A byte stays free before the oldest: without it a full ring would look like an empty one.
        runs = [(start, oldest - 1)]
        if start >= oldest:
            runs = [(start, len(self._memory)), (0, oldest - 1)]
        for begin, end in runs:
            if begin + size <= end:
                place = slice(begin, begin + size)
                self._used.append(place)
                return self._memory[place]
        self._used.append(slice(start, start))
        return memoryview(bytearray(size))


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
