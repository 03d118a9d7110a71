"""Who works with a store: commands share it, and what cleans it up has it alone.

The locks are flock(2)'s: the kernel lets go when a process ends, however it ends, several may share
one, and it is kept by the program that a process becomes. They stand on file descriptors that are
only read, so that a store on a read-only file system can be used.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNWRITABLE = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Keep away who wants ``path`` alone; waits for the one who has it.

    On a file system that is read-only for us, nobody can clean up either: there is no lock then.
    """
    descriptor = _open(path)
    if descriptor is None:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def share_for_life(path: Path) -> None:
    """Share ``path`` until this process has ended, and also what it becomes by exec."""
    descriptor = _open(path)
    if descriptor is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - that is how it is called


@contextmanager
def alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Give whether nobody else has ``path``; with ``wait``, only when that is so.

    Raises:
        OSError: the lock's file cannot be made.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _UNWRITABLE:
            return None
        raise
