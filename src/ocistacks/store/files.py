"""The contents of all files of all layers, each once: read-only files by their digest.

    files/HH/HEX           a file's content, HH the first two digits of its SHA-256
    files/HH/HEX.x         the same, executable: a hard link shares the mode, too

Trees are hard links to these. A name appears when its content is complete and was digested, so
that what is there is right, whatever became of the layer that brought it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ocistacks.files import unwritable
from ocistacks.store.sharing import NO_MORE_LINKS, stored_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

READ_ONLY_MODE: Final = 0o444
READ_ONLY_EXECUTABLE_MODE: Final = 0o555


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
        return stored_path(self._folder, digest, executable=executable)

    def has(self, digest: str, *, executable: bool) -> bool:
        """Whether the content is there; where only its other mode is, it is copied from that."""
        path = self.path(digest, executable=executable)
        if os.path.exists(path):  # noqa: PTH110 - see path
            return True
        other = self.path(digest, executable=not executable)
        try:
            with open(other, "rb") as stream, self.new_file() as temporary:  # noqa: PTH123 - see path
                with open(temporary, "wb") as copy:  # noqa: PTH123 - see path
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
        """Give the path of a file to fill; ``adopt`` it, or it vanishes on exit.

        Raises:
            TargetError: the store cannot be written.
        """
        try:
            descriptor, name = tempfile.mkstemp(dir=self.temporary)
            os.close(descriptor)
        except OSError as error:
            raise unwritable(self.temporary, error) from error
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
            if error.errno not in NO_MORE_LINKS:
                raise
            shutil.copy2(stored, target)
        return True

    def discard(self, paths: Iterable[str]) -> None:
        """Take out those contents that no tree uses."""
        for path in paths:
            with suppress(FileNotFoundError):
                if os.stat(path).st_nlink == 1:  # noqa: PTH116 - see path
                    os.unlink(path)  # noqa: PTH108 - see path


def _mode(*, executable: bool) -> int:
    return READ_ONLY_EXECUTABLE_MODE if executable else READ_ONLY_MODE
