"""Sharing the files of a tree that is being written with all other trees of the store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ocistacks.store.files import FileStore

_EMPTY: Final = hashlib.sha256().hexdigest()


class StoreKeeper:
    """Keeps each file in the store under its digest (see ``FileKeeper``).

    Empty files are not shared: there is nothing to save, and every package has many.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._added: list[str] = []

    def keep(self, path: str, digest: str, *, executable: bool) -> None:
        """Share a read-only file that was written."""
        if digest != _EMPTY and self._files.share(path, digest, executable=executable):
            self._added.append(self._files.path(digest, executable=executable))

    def take_back(self) -> None:
        """Take out what only this tree brought, when the tree itself is gone."""
        self._files.discard(self._added)
        self._added.clear()
