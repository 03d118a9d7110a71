"""A layer tree as a sorted run of entries, without what differs from checkout to checkout."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal, NamedTuple

from ocistacks.blob.model import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, SYMLINK_MODE
from ocistacks.blob.names import name_fault, symlink_fault
from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["dir", "reg", "symlink"]


class Entry(NamedTuple):
    """One folder, file or symbolic link as it is stored; a tuple, because trees have many.

    ``name`` is the path in the archive, with a trailing ``/`` for a folder; ``path`` is where a
    file's content is read; ``size`` is in bytes and 0 for what is no file.
    """

    name: str
    kind: Kind
    mode: int
    size: int = 0
    link_name: str = ""
    path: str = ""


def walk_tree(tree: Path, install_target: str) -> Iterator[Entry]:
    """Yield the entries of ``tree`` under the top folder ``install_target``.

    A folder comes before what it holds; siblings are sorted by the code points of their names.
    Names and links that no puller would accept, and devices, sockets and pipes, raise BuildError.
    """
    fault = name_fault(install_target)
    if fault is not None or "/" in install_target:
        raise BuildError(
            "A layer's install target must be one plain folder name.", found=repr(install_target)
        )
    yield Entry(name=f"{install_target}/", kind="dir", mode=DIRECTORY_MODE)
    stack = _children(str(tree), f"{install_target}/")
    while stack:
        name, item = stack.pop()
        entry = _entry(name, item)
        yield entry
        if entry.kind == "dir":
            stack += _children(item.path, entry.name)


def _children(folder: str, prefix: str) -> list[tuple[str, os.DirEntry[str]]]:
    """Return what a folder holds, last name first, each with its name in the archive."""
    try:
        with os.scandir(folder) as items:
            children = [(prefix + item.name, item) for item in items]
    except OSError as error:
        raise _unreadable(prefix, error) from error
    children.sort(key=lambda child: child[0], reverse=True)
    return children


def _entry(name: str, item: os.DirEntry[str]) -> Entry:
    if not name.isascii():
        _require_unicode(name)
    try:
        status = item.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            mode = EXECUTABLE_MODE if mode & stat.S_IXUSR else FILE_MODE
            return Entry(name=name, kind="reg", mode=mode, size=status.st_size, path=item.path)
        if stat.S_ISDIR(mode):
            return Entry(name=f"{name}/", kind="dir", mode=DIRECTORY_MODE)
        if stat.S_ISLNK(mode):
            return _symlink(name, os.readlink(item.path))  # noqa: PTH115 - Path rewrites ./x
    except OSError as error:
        raise _unreadable(name, error) from error
    raise BuildError(
        "A layer tree holds something that is no file, folder or symbolic link.",
        where=name,
        found=f"file type {stat.filemode(mode)[0]!r}",
        hint="remove it from the tree before the layer is packed",
    )


def _symlink(name: str, target: str) -> Entry:
    _require_unicode(target)
    fault = symlink_fault(name, target)
    if fault is not None:
        raise BuildError(
            f"A symbolic link in a layer tree cannot be moved with its layer: {fault}.",
            where=name,
            found=target,
            expected="a relative path to this layer or one beside it, .. only at its start",
        )
    return Entry(name=name, kind="symlink", mode=SYMLINK_MODE, link_name=target)


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BuildError(
            "A name in a layer tree is not UTF-8.",
            found=ascii(text),
            hint="rename the file, or leave out the package that brings it",
        ) from error


def _unreadable(name: str, error: OSError) -> BuildError:
    return BuildError(
        "A part of a layer tree cannot be read.", where=name, found=error.strerror or str(error)
    )
