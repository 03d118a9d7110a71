"""The contents of all files of all layers, each once: read-only files by their digest.

    files/HH/HEX           a file's content, HH the first two digits of its SHA-256
    files/HH/HEX.x         the same, executable: a hard link shares the mode, too

Trees are hard links to these. A name appears when its content is complete and was digested, so
that what is there is right, whatever became of the layer that brought it.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ocistacks.files import unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

READ_ONLY_MODE: Final = 0o444
READ_ONLY_EXECUTABLE_MODE: Final = 0o555
_EXECUTABLE_SUFFIX: Final = ".x"
# What a file system says that takes no more names of one file (65,000 on ext4), or none at all.
_NO_MORE_LINKS: Final = frozenset((errno.EMLINK, errno.EPERM, errno.EXDEV, errno.ENOTSUP))


class FileStore:
    """The folder ``files`` of a store; safe to use from several threads and processes.

    ``temporary`` is a folder on the same file system.
    """

    def __init__(self, root: Path, temporary: Path) -> None:
        self.root = root
        self.temporary = temporary
        self._folder = str(root)

    def path(self, digest: str, *, executable: bool) -> str:
        """Return where the content with that SHA-256 (hexadecimal) lies, or would lie.

        A text, because a Path for each file of a layer would take longer than linking it.
        """
        return f"{self._folder}/{digest[:2]}/{digest}{_EXECUTABLE_SUFFIX if executable else ''}"

    def has(self, digest: str, *, executable: bool) -> bool:
        """Whether the content is there; where only its other mode is, it is copied from that."""
        path = self.path(digest, executable=executable)
        if os.path.exists(path):  # noqa: PTH110 - see path
            return True
        other = self.path(digest, executable=not executable)
        try:
            with open(other, "rb") as stream, self.new_file() as temporary:  # noqa: PTH123 - see path
                with open(temporary, "xb") as copy:  # noqa: PTH123 - see path
                    shutil.copyfileobj(stream, copy)
                self.adopt(temporary, digest, executable=executable)
        except FileNotFoundError:
            return False
        return True

    def is_empty(self) -> bool:
        """Whether there is no content at all."""
        with os.scandir(self.root) as folders:
            return next(folders, None) is None

    @contextmanager
    def new_file(self) -> Iterator[str]:
        """Give the path of a file to make; ``adopt`` it, or it vanishes on exit."""
        name = self._new_name()
        try:
            yield name
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108 - see path

    def adopt(self, temporary: str, digest: str, *, executable: bool) -> None:
        """Let a filled file appear as the content of ``digest``, which the caller has verified.

        Raises:
            TargetError: the store cannot be written.
        """
        path = self.path(digest, executable=executable)
        try:
            os.chmod(temporary, _mode(executable=executable))  # noqa: PTH101 - see path
            with suppress(FileExistsError):
                os.mkdir(os.path.dirname(path))  # noqa: PTH102, PTH120 - see path
            os.rename(temporary, path)  # noqa: PTH104 - see path
        except OSError as error:
            raise unwritable(self.root, error) from error

    def share(self, path: str, digest: str, *, executable: bool) -> bool:
        """Let the store and ``path``, a complete read-only file in a tree, be one file.

        Returns whether the store did not have the content before. Where the file system takes no
        more names of one file, the tree keeps its own.

        Raises:
            OSError: the store cannot be written.
        """
        stored = self.path(digest, executable=executable)
        try:
            return self._share(path, stored)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(os.path.dirname(stored))  # noqa: PTH102, PTH120 - see path
            return self._share(path, stored)

    def link(self, digest: str, target: str, *, executable: bool) -> bool:
        """Give the content the name ``target``; False where the store does not have it.

        Raises:
            OSError: the target cannot be written.
        """
        stored = self.path(digest, executable=executable)
        try:
            os.link(stored, target)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in _NO_MORE_LINKS:
                raise
            shutil.copy2(stored, target)
        return True

    def discard(self, paths: Iterable[str]) -> None:
        """Take out those contents that no tree uses."""
        for path in paths:
            with suppress(FileNotFoundError):
                if os.stat(path).st_nlink == 1:  # noqa: PTH116 - see path
                    os.unlink(path)  # noqa: PTH108 - see path

    def _new_name(self) -> str:
        return f"{self.temporary}/{os.urandom(8).hex()}"

    def _share(self, path: str, stored: str) -> bool:
        try:
            os.link(path, stored)
        except FileExistsError:
            self._exchange(path, stored)
            return False
        except OSError as error:
            if error.errno in _NO_MORE_LINKS:
                return False
            raise
        return True

    def _exchange(self, path: str, stored: str) -> None:
        """Let ``path`` be the stored file instead of its own copy."""
        beside = self._new_name()
        try:
            os.link(stored, beside)
        except OSError as error:
            if error.errno in _NO_MORE_LINKS or isinstance(error, FileNotFoundError):
                return  # taken away meanwhile, or full: the tree keeps its own
            raise
        os.rename(beside, path)  # noqa: PTH104 - see path


def _mode(*, executable: bool) -> int:
    return READ_ONLY_EXECUTABLE_MODE if executable else READ_ONLY_MODE
