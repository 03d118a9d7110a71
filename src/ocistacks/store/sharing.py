"""Sharing the files of one tree, while it is written, with all other trees of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocistacks.store.files import FileStore


class StoreKeeper:
    """Keeps the files of a tree in the store, and takes back what only that tree brought."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._brought: list[str] = []

    def keep(self, path: str, digest: str, *, executable: bool) -> None:
        """Share the complete, read-only file at ``path``; ``digest`` is its SHA-256 (hexadecimal).

        Raises:
            OSError: the store cannot be written.
        """
        if self._files.share(path, digest, executable=executable):
            self._brought.append(self._files.path(digest, executable=executable))

    def take_back(self) -> None:
        """Take out what only this tree brought, when the tree itself is gone."""
        self._files.discard(self._brought)
        self._brought.clear()
