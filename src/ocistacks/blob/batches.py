"""What an archive holds, on its way from the thread that reads it to the one that writes it.

Entries and the pieces of their content go in batches: to hand over every small file by itself
would take longer than to write it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.tree_shape import TreeEntry

# Bytes, and items. Pieces keep the buffers alive that they are parts of.
_BATCH_SIZE: Final = 512 << 10
_BATCH_LENGTH: Final = 512


class ReadEntry(NamedTuple):
    """An entry that may be written, after the ``folders`` that it needs, the highest first."""

    entry: TreeEntry
    folders: tuple[str, ...]


Item = ReadEntry | memoryview
"""An entry, behind which the pieces of its content come, as long as it is together."""
Batch = list[Item]


def batched(items: Iterable[Item]) -> Iterator[Batch]:
    """Yield the items in lists."""
    batch: Batch = []
    size = 0
    for item in items:
        batch.append(item)
        if isinstance(item, memoryview):
            size += len(item)
        if size >= _BATCH_SIZE or len(batch) >= _BATCH_LENGTH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_batches(batches: Iterable[Batch]) -> Iterator[tuple[ReadEntry, Iterator[memoryview]]]:
    """Yield each entry with its content, which has to be taken before the next entry is."""
    items = chain.from_iterable(batches)
    for item in items:
        read = cast("ReadEntry", item)
        yield read, _content(items, read.entry.size)


def _content(items: Iterator[Item], size: int) -> Iterator[memoryview]:
    while size:
        piece = cast("memoryview", next(items))
        size -= len(piece)
        yield piece
