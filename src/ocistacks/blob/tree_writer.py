"""Write the entries of a layer below a folder, after their names were accepted (``TreeShape``)."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from ocistacks.blob.model import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE
from ocistacks.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.tree_shape import TreeEntry

# A name that exists is never opened, not even the link of a name that differs only in case.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE_BITS = 0o222


class TreeWriter:
    """Writes one layer into an existing, empty folder; every folder is made before what it holds.

    Modes do not depend on the umask: files get 0644 and 0755, or 0444 and 0555 where they are
    ``read_only``, and folders 0755.
    """

    def __init__(self, destination: Path, *, read_only: bool = False) -> None:
        self._root = f"{destination}/"
        mask = _WRITE_BITS if read_only else 0
        self._mode = FILE_MODE & ~mask
        self._executable_mode = EXECUTABLE_MODE & ~mask
        self._mask_hides_bits: bool | None = None

    def make_folders(self, names: Iterable[str]) -> None:
        """Make folders, the highest first; raise TargetError where that cannot be done."""
        for name in names:
            try:
                self._make_folder(self._root + name)
            except OSError as error:
                raise not_written(self._root + name, error) from error

    def write(self, entry: TreeEntry, content: Iterable[memoryview] = ()) -> None:
        """Write one entry that is no folder; ``content`` yields a file's bytes.

        Raises:
            TargetError: the file system does not take it.
        """
        path = self._root + entry.name
        try:
            if entry.kind == "reg":
                self._write_file(path, content, executable=entry.executable)
            elif entry.kind == "symlink":
                os.symlink(entry.link_name, path)  # noqa: PTH211 - Path rewrites ./x
            elif entry.kind == "hardlink":
                os.link(self._root + entry.link_name, path, follow_symlinks=False)
        except OSError as error:
            raise not_written(path, error) from error

    def _make_folder(self, path: str) -> None:
        os.mkdir(path, DIRECTORY_MODE)  # noqa: PTH102 - a Path for each entry costs a tenth
        if self._mask_hides_bits is None:
            # The umask cannot be asked for without changing it for all threads. The first folder
            # tells: where it got all its bits, everything else will.
            self._mask_hides_bits = stat.S_IMODE(os.stat(path).st_mode) != DIRECTORY_MODE  # noqa: PTH116 - as above
        if self._mask_hides_bits:
            os.chmod(path, DIRECTORY_MODE)  # noqa: PTH101 - as above

    def _write_file(self, path: str, content: Iterable[memoryview], *, executable: bool) -> None:
        mode = self._executable_mode if executable else self._mode
        descriptor = os.open(path, _FLAGS, mode)
        try:
            for piece in content:
                written = os.write(descriptor, piece)
                while written < len(piece):
                    written += os.write(descriptor, piece[written:])
            if self._mask_hides_bits:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def empty_folder(folder: Path) -> None:
    """Remove everything in ``folder``, not the folder itself."""
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def not_written(path: str, error: OSError) -> TargetError:
    """Return the error for an entry that the file system does not take."""
    return TargetError(
        "An entry of a layer cannot be written.",
        where=path,
        found=error.strerror or str(error),
        hint=_hint(error),
    )


def _hint(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room, then run the command again"
    if error.errno == errno.EEXIST:
        return "the file system takes two names of the layer for one; use one that tells case apart"
    return None
