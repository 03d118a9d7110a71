"""Write the entries of a layer below a folder, where nothing can lead them elsewhere."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ocistacks.blob.model import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE
from ocistacks.blob.tree_shape import TreeShape
from ocistacks.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ocistacks.blob.tree_shape import TreeEntry

# A name that exists is never opened, not even the link of a name that differs only in case.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class FileKeeper(Protocol):
    """Takes part in files that were written, so that they are there once for all trees."""

    def keep(self, path: str, digest: str, *, executable: bool) -> None:
        """Share the complete file at ``path``, whose content has that SHA-256 (hexadecimal)."""


class TreeWriter:
    """Writes one layer into an existing, empty folder.

    With a ``keeper``, every file's content is digested, and the keeper may exchange the file for
    one with the same content.
    """

    def __init__(self, destination: Path, keeper: FileKeeper | None = None) -> None:
        self._root = f"{destination}/"
        self._keeper = keeper
        self._shape = TreeShape()
        self._mask_hides_bits: bool | None = None
        self._entries: list[TreeEntry] = []

    @property
    def install_target(self) -> str:
        """The name of the one top folder; UnsafeContentError if the archive was empty."""
        return self._shape.install_target

    @property
    def entries(self) -> tuple[TreeEntry, ...]:
        """What was written, in order; files have digests where there is a keeper."""
        return tuple(self._entries)

    @property
    def count(self) -> int:
        """How many entries were written."""
        return self._shape.count

    def write(self, entry: TreeEntry, content: Iterable[memoryview]) -> None:
        """Write one entry; ``content`` yields a file's bytes.

        Raises:
            UnsafeContentError: the entry leaves its place.
            TargetError: the file system does not take it.
        """
        with self._placed(entry):
            if entry.kind == "reg":
                digest = self._write_file(entry, content)
                self._entries.append(replace(entry, digest=digest) if digest else entry)
            else:
                self._make_other(entry)
                self._entries.append(entry)

    def place(self, entry: TreeEntry, make: Callable[[str], bool]) -> bool:
        """Let ``make`` make a file at the path that it is given; return what it returns.

        Raises as ``write`` does.
        """
        with self._placed(entry):
            made = make(self._root + entry.name)
            self._entries.append(entry)
        return made

    @contextmanager
    def _placed(self, entry: TreeEntry) -> Iterator[None]:
        folders = self._shape.take(entry)
        try:
            for folder in folders:
                self._make_folder(folder)
            yield
        except OSError as error:
            raise TargetError(
                "An entry of a layer cannot be written.",
                where=self._root + entry.name,
                found=error.strerror or str(error),
                hint=_hint(error),
            ) from error

    def _make_folder(self, name: str) -> None:
        path = self._root + name
        os.mkdir(path, DIRECTORY_MODE)  # noqa: PTH102 - a Path for each entry costs a tenth
        if self._mask_hides_bits is None:
            # The umask cannot be asked for without changing it for all threads. The first folder
            # tells: where it got all its bits, everything else will.
            self._mask_hides_bits = stat.S_IMODE(os.stat(path).st_mode) != DIRECTORY_MODE  # noqa: PTH116 - as above
        if self._mask_hides_bits:
            os.chmod(path, DIRECTORY_MODE)  # noqa: PTH101 - as above

    def _write_file(self, entry: TreeEntry, content: Iterable[memoryview]) -> str:
        """Write a file, and return the SHA-256 of its content where it is wanted."""
        mode = EXECUTABLE_MODE if entry.executable else FILE_MODE
        path = self._root + entry.name
        hasher = hashlib.sha256() if self._keeper is not None else None
        descriptor = os.open(path, _FLAGS, mode)
        try:
            for piece in content:
                if hasher is not None:
                    hasher.update(piece)
                written = os.write(descriptor, piece)
                while written < len(piece):
                    written += os.write(descriptor, piece[written:])
            if self._mask_hides_bits:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        if self._keeper is None or hasher is None:
            return ""
        digest = hasher.hexdigest()
        self._keeper.keep(path, digest, executable=entry.executable)
        return digest

    def _make_other(self, entry: TreeEntry) -> None:
        path = self._root + entry.name
        if entry.kind == "symlink":
            os.symlink(entry.link_name, path)  # noqa: PTH211 - Path rewrites ./x
        elif entry.kind == "hardlink":
            os.link(self._root + entry.link_name, path, follow_symlinks=False)


def empty_folder(folder: Path) -> None:
    """Remove everything in ``folder``, not the folder itself."""
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _hint(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room, then run the command again"
    if error.errno == errno.EEXIST:
        return "the file system takes two names of the layer for one; use one that tells case apart"
    return None
