"""Which entries may make up a layer's tree, one after the other; the same rules for all readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ocistacks.blob.names import name_fault, symlink_fault
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterator

EntryKind = Literal["dir", "reg", "symlink", "hardlink"]


class TreeEntry(NamedTuple):
    """An entry of a layer's tree; ``name`` is without the trailing ``/`` of a folder.

    ``size`` is that of a file's content in bytes; ``digest`` its SHA-256 in hexadecimal, empty
    where it is not known, and for what has no content. A tuple, because a dataclass that is frozen
    takes five times as long to make, and layers have many thousand entries.
    """

    name: str
    kind: EntryKind
    size: int = 0
    executable: bool = False
    link_name: str = ""
    digest: str = ""


class TreeShape:
    """Takes the entries of one layer in their order, and refuses what has no place in it.

    Every entry lies in a folder that an entry or its own name made, so that no symbolic link can
    be on the way to it: paths need no further look.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._files: set[str] = set()
        self._top: str | None = None

    @property
    def install_target(self) -> str:
        """The name of the one top folder; UnsafeContentError if there was no entry."""
        if self._top is None:
            raise UnsafeContentError("An archive is empty.", expected="one top folder")
        return self._top

    @property
    def count(self) -> int:
        """How many entries were taken."""
        return len(self._names)

    def take(self, entry: TreeEntry) -> tuple[str, ...]:
        """Take one entry, and return the folders to make for it, the highest first.

        For a folder, its own name is the last of them, unless an entry below it came before.

        Raises:
            UnsafeContentError: the entry leaves its place, or takes another one's.
        """
        name = entry.name
        fault = name_fault(name)
        if fault is not None:
            raise UnsafeContentError(f"An archive holds an unsafe name: {fault}.", found=repr(name))
        if name in self._names or (name in self._folders and entry.kind != "dir"):
            raise UnsafeContentError("An archive holds a name twice.", found=repr(name))
        self._names.add(name)
        parent, _, _ = name.rpartition("/")
        made = () if parent in self._folders else tuple(self._missing_parents(entry, parent))
        if entry.kind == "dir":
            if name not in self._folders:
                self._folders.add(name)
                made = (*made, name)
        elif entry.kind == "symlink":
            _check_symlink(entry)
        elif entry.kind == "hardlink":
            self._check_hard_link(entry)
        if entry.kind in {"reg", "hardlink"}:
            self._files.add(name)
        return made

    def _missing_parents(self, entry: TreeEntry, parent: str) -> Iterator[str]:
        """Yield the folders above ``entry`` that the archive leaves out."""
        if not parent:
            self._check_top(entry)
            return
        made = ""
        for part in parent.split("/"):
            made = f"{made}/{part}" if made else part
            if made in self._folders:
                continue
            if made in self._names:
                raise UnsafeContentError(
                    "An archive writes below a name that is no folder.",
                    where=entry.name,
                    found=f"{made} is a file or link of the same archive",
                )
            if "/" not in made:
                self._check_top_name(made)
            self._folders.add(made)
            yield made

    def _check_top(self, entry: TreeEntry) -> None:
        if entry.kind != "dir":
            raise UnsafeContentError(
                "An archive holds something beside its one top folder.", found=repr(entry.name)
            )
        self._check_top_name(entry.name)

    def _check_top_name(self, name: str) -> None:
        if self._top is not None and self._top != name:
            raise UnsafeContentError(
                "An archive holds more than one top folder.",
                found=f"{name!r} beside {self._top!r}",
            )
        self._top = name

    def _check_hard_link(self, entry: TreeEntry) -> None:
        if entry.link_name not in self._files:
            raise UnsafeContentError(
                "A hard link in an archive does not point to a file before it in the archive.",
                where=entry.name,
                found=entry.link_name,
            )


def _check_symlink(entry: TreeEntry) -> None:
    fault = symlink_fault(entry.name, entry.link_name)
    if fault is not None:
        raise UnsafeContentError(
            f"A symbolic link in an archive leaves its place: {fault}.",
            where=entry.name,
            found=entry.link_name,
            expected="a relative path to this layer or one beside it, .. only at its start",
        )
