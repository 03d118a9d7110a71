"""Digest the files of a tree beside their writing, and hand each one to a keeper.

The thread that writes has the most to do; it passes on what it wrote in batches, because handing
over every small file would cost more than digesting it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

from ocistacks.blob.tree_shape import TreeEntry
from ocistacks.blob.tree_writer import not_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ocistacks.blob.pipeline import Channel

Batch = list[memoryview | TreeEntry]
"""The pieces of a file's content, then its entry; other entries without pieces."""

# Bytes. Pieces keep the buffers alive that they are parts of.
_BATCH_SIZE: Final = 512 << 10
_BATCH_LENGTH: Final = 64


class FileKeeper(Protocol):
    """Takes part in files that were written, so that they are there once for all trees."""

    def keep(self, path: str, digest: str, *, executable: bool) -> None:
        """Share the complete file at ``path``, whose content has that SHA-256 (hexadecimal)."""


class WrittenEntries:
    """What was written, on its way to ``keep_files`` in another thread."""

    def __init__(self, channel: Channel[Batch]) -> None:
        self._channel = channel
        self._batch: Batch = []
        self._size = 0

    def passing(self, content: Iterable[memoryview]) -> Iterator[memoryview]:
        """Yield the content of the next entry as it is."""
        for piece in content:
            yield piece
            self._batch.append(piece)
            self._size += len(piece)
            self._send_if(_BATCH_SIZE, _BATCH_LENGTH)

    def add(self, entry: TreeEntry) -> None:
        """Tell that the entry, and the content that passed before, is complete."""
        self._batch.append(entry)
        self._send_if(_BATCH_SIZE, _BATCH_LENGTH)

    def end(self) -> None:
        """Send what is left."""
        self._send_if(0, 1)

    def _send_if(self, size: int, length: int) -> None:
        if self._batch and (self._size >= size or len(self._batch) >= length):
            self._channel.send(self._batch)
            self._batch = []
            self._size = 0


def keep_files(
    batches: Iterable[Batch], destination: Path, keeper: FileKeeper
) -> tuple[TreeEntry, ...]:
    """Hand each file below ``destination`` to ``keeper``; return all entries, files with digests.

    Raises:
        TargetError: the keeper cannot write.
    """
    entries: list[TreeEntry] = []
    hasher = hashlib.sha256()
    for batch in batches:
        for item in batch:
            if isinstance(item, memoryview):
                hasher.update(item)
            elif item.kind != "reg":
                entries.append(item)
            else:
                digest = hasher.hexdigest()
                hasher = hashlib.sha256()
                entries.append(item.with_digest(digest))
                path = f"{destination}/{item.name}"
                try:
                    keeper.keep(path, digest, executable=item.executable)
                except OSError as error:
                    raise not_written(path, error) from error
    return tuple(entries)
