"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ocistacks.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator


_COPY_BYTES = 1 << 20


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Give a stream whose content becomes ``path`` on a clean exit, and vanishes on any other.

    Raises:
        TargetError: the folder cannot be made or written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if error.errno is None:
            raise  # a failure of what the content comes from, such as a connection
        raise unwritable(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Do as ``atomic_file`` does, for what nobody else may read; a link stays one."""
    with atomic_file(path.resolve(), mode=0o600) as stream:
        yield stream


def write_text_atomically(path: Path, text: str) -> None:
    """Write a UTF-8 file in one step, and not at all if it holds that text already."""
    content = text.encode()
    with suppress(OSError):
        if path.read_bytes() == content:
            return
    with atomic_file(path) as stream:
        stream.write(content)


def link_or_copy(source: Path, target: Path) -> bool:
    """Make ``target`` the same file as ``source``, or a copy of it on another file system.

    Returns False if it was that file already. The name is exchanged in one step.

    Raises:
        TargetError: the folder cannot be written.
    """
    try:
        if target.exists() and target.samefile(source):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder:
            temporary = Path(folder) / target.name
            try:
                os.link(source, temporary)
            except OSError:  # another file system, or one without links
                with atomic_file(temporary) as stream, source.open("rb") as content:
                    shutil.copyfileobj(content, stream, _COPY_BYTES)
            temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    return True


def unwritable(path: Path, error: OSError) -> TargetError:
    """Return the error for a place that cannot be written to."""
    return TargetError(
        "A file cannot be written.",
        where=str(path),
        found=error.strerror or str(error),
        hint="choose another folder, or make room and check the folder's owner and mode",
    )
