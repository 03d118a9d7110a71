"""Sharing the files of a tree that is being written with all other trees of the store."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import ocistacks
from ocistacks.blob.tree_writer import not_written
from ocistacks.errors import TargetError
from ocistacks.store.sharing import Sharer
from ocistacks.store.sharing_process import EXECUTABLE, FAILED, NEW, OTHER

if TYPE_CHECKING:
    from ocistacks.store.files import FileStore

# Files and bytes. Fewer are shared sooner than a process starts.
_SMALL_COUNT: Final = 64
_SMALL_SIZE: Final = 4 << 20
# How much is written before the process hears of it.
_BATCH_COUNT: Final = 64
_BATCH_SIZE: Final = 1 << 20
# The process has no other packages to look for, and starts three times as fast without them.
_START: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from ocistacks.store.sharing_process import main; sys.exit(main(*sys.argv[2:]))"
)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    executable: bool

    def record(self) -> bytes:
        return (EXECUTABLE if self.executable else OTHER) + os.fsencode(self.path) + b"\0"


class StoreKeeper:
    """Keeps each file in the store under its digest (see ``FileKeeper``); a context manager.

    A process of its own does it while the next files are written, unless they are few.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: TargetError | None = None
        self._sent: list[_File] = []
        self._waiting: list[_File] = []
        self._waiting_size = 0
        self._digests: list[str] = []
        self._added: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        if self._process is not None:
            self._end(self._process)

    def add(self, path: str, *, size: int, executable: bool) -> None:
        """Share a read-only file that was written."""
        self._waiting.append(_File(path, executable))
        self._waiting_size += size
        count = len(self._waiting)
        if self._process is not None:
            if count >= _BATCH_COUNT or self._waiting_size >= _BATCH_SIZE:
                self._send(self._process)
        elif count >= _SMALL_COUNT or self._waiting_size >= _SMALL_SIZE:
            self._process = self._started()
            self._send(self._process)

    def finish(self) -> list[str]:
        """Return the digests of all files, in order, when all are shared."""
        if self._process is None:
            self._share_here()
        else:
            self._send(self._process)
            self._end(self._process)
        if self._failure is not None:
            raise self._failure
        return self._digests

    def take_back(self) -> None:
        """Take out what only this tree brought, when the tree itself is gone."""
        self._files.discard(self._added)
        self._added.clear()

    def _started(self) -> subprocess.Popen[bytes]:
        package = Path(ocistacks.__file__).parents[1]
        command = [sys.executable, "-IBS", "-c", _START, str(package)]
        try:
            return subprocess.Popen(
                [*command, str(self._files.root), str(self._files.temporary)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # it ends with its input, not with the terminal's signals
            )
        except OSError as error:
            raise _not_shared(f"{sys.executable}: {error.strerror}") from error

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        files, self._waiting, self._waiting_size = self._waiting, [], 0
        self._sent += files
        assert process.stdin is not None
        try:
            process.stdin.write(b"".join(file.record() for file in files))
            process.stdin.flush()
        except BrokenPipeError:
            self._end(process)
            if self._failure is not None:
                raise self._failure from None

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until all is shared that was sent, and take in the answers."""
        self._process = None
        output, errors = process.communicate()
        for file, answer in zip(self._sent, output.decode().splitlines(), strict=False):
            self._note(file, answer.removeprefix(NEW), is_new=answer.startswith(NEW))
        if process.returncode == FAILED:
            number, _, path = os.fsdecode(errors).partition(" ")
            self._failure = not_written(path, OSError(int(number), os.strerror(int(number))))
        elif process.returncode or len(self._digests) < len(self._sent):
            told = errors.decode(errors="replace").strip().rpartition("\n")[2]
            self._failure = _not_shared(told or f"it ended with {process.returncode}")

    def _share_here(self) -> None:
        sharer = Sharer(str(self._files.root), str(self._files.temporary))
        for file in self._waiting:
            try:
                digest, is_new = sharer.take_in(file.path, executable=file.executable)
            except OSError as error:
                raise not_written(file.path, error) from error
            self._note(file, digest, is_new=is_new)

    def _note(self, file: _File, digest: str, *, is_new: bool) -> None:
        self._digests.append(digest)
        if is_new:
            self._added.append(self._files.path(digest, executable=file.executable))


def _not_shared(found: str) -> TargetError:
    return TargetError(
        "The process that digests the files of a layer failed.",
        found=found,
        hint="see whether memory or processes ran out, then run the command again",
    )
