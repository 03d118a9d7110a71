"""Large files that are written over several runs: what a killed run had stays for the next one.

A partial file has one writer at a time, which holds its lock (flock(2), which a killed process lets
go of). It gets its final name when all of it was verified, and vanishes if it is wrong or the disk
is full. What nobody came back for within a week is swept away by the next run.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ocistacks.errors import DigestError, TargetError
from ocistacks.files import unwritable

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Opener = Callable[[Path | None], AbstractContextManager[Iterator[bytes]]]
    """Opens what comes after the bytes of a file, from the beginning where there is none; verified
    together with the file's bytes when it ends, else it raises DigestError."""

LONGEST_AGE_SECONDS = 7 * 24 * 3600


def write_over_runs(partial: Path, target: Path, opened: Opener, *, mode: int) -> None:
    """Write ``target``, going on with what an earlier run left in ``partial``.

    Where another process is writing it, wait for that. If what was left is of other bytes, all is
    fetched again.

    Raises:
        DigestError: the bytes are not those that were promised; nothing of them is kept.
        TargetError: the folder cannot be written; nothing is kept.
    """
    with _locked(partial) as stream:
        if target.exists():
            partial.unlink()
            return
        try:
            _fill(stream, partial, opened)
            with _writing(target):
                partial.chmod(mode)
                partial.replace(target)
        except BaseException as error:
            with suppress(OSError):
                if isinstance(error, DigestError | TargetError) or not partial.stat().st_size:
                    partial.unlink()
            raise


def _fill(stream: io.FileIO, partial: Path, opened: Opener) -> None:
    if partial.stat().st_size:
        try:
            _append(stream, partial, opened(partial))
        except DigestError:
            stream.truncate(0)
        else:
            return
    _append(stream, partial, opened(None))


def _append(
    stream: io.FileIO, partial: Path, opened: AbstractContextManager[Iterator[bytes]]
) -> None:
    with opened as chunks:
        for chunk in chunks:
            with _writing(partial):
                view = memoryview(chunk)
                while view:
                    view = view[stream.write(view) :]


@contextmanager
def _locked(partial: Path) -> Iterator[io.FileIO]:
    """Open a file to append to, once no other process writes it."""
    while True:
        with _writing(partial):
            partial.parent.mkdir(parents=True, exist_ok=True)
            _sweep(partial.parent)
            stream = partial.open("ab", buffering=0)
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if _is_at(stream, partial):  # else it got its final name, or was swept, meanwhile
                yield stream
                return


def _sweep(folder: Path) -> None:
    oldest = time.time() - LONGEST_AGE_SECONDS
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime > oldest:
                continue
            with path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(stream, path):
                    path.unlink()


def _is_at(stream: io.FileIO | io.BufferedReader, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error
