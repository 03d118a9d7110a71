"""What a table of contents says of a layer's tree, held to the rules for trees."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from ocistacks.blob.tree_shape import TreeEntry, TreeShape
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocistacks.blob.toc import Toc, TocEntry
    from ocistacks.blob.tree_shape import EntryKind

_KINDS: Final[dict[str, EntryKind]] = {
    "dir": "dir",
    "reg": "reg",
    "symlink": "symlink",
    "hardlink": "hardlink",
}
_SPECIAL_BITS = 0o7000
_EXECUTABLE_BIT = 0o100


class ListedEntry(NamedTuple):
    """An entry of a table of contents, and the bytes [start, end) of the blob with its content."""

    entry: TreeEntry
    start: int = 0
    end: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedTree:
    """A tree as a table of contents lists it: all its folders, and what is no folder, in order.

    A folder comes behind the one that it lies in.
    """

    install_target: str
    folders: tuple[str, ...]
    entries: tuple[ListedEntry, ...]


def list_tree(toc: Toc, *, content_end: int, maximum_size: int, maximum_entries: int) -> ListedTree:
    """Return the tree that a table of contents lists.

    ``content_end`` is where in the blob the frames with content end; ``maximum_size`` bounds the
    sum of all files in bytes.

    Raises:
        UnsafeContentError: an entry is refused, as it would be in the tar, or makes no sense.
    """
    shape = TreeShape()
    folders: list[str] = []
    listed: list[ListedEntry] = []
    size = 0
    for entry in toc.entries:
        if entry.type == "chunk":  # a later part of the file before it, whose range holds it
            continue
        each = _listed(entry, content_end)
        folders += shape.take(each.entry)
        if each.entry.kind != "dir":
            listed.append(each)
        size += each.entry.size
        if size > maximum_size or shape.count > maximum_entries:
            raise UnsafeContentError(
                "A blob's table of contents lists more than the blob may hold.",
                found=f"{shape.count} entries, {size} bytes",
                expected=f"at most {maximum_entries} entries and {maximum_size} bytes",
            )
    return ListedTree(
        install_target=shape.install_target, folders=tuple(folders), entries=tuple(listed)
    )


def require_same_entries(toc: Toc, unpacked: Iterable[TreeEntry]) -> None:
    """Hold a table of contents to the tar of its blob, whose files have digests.

    Raises:
        UnsafeContentError: they disagree, so that readers of one see another tree than those of
            the other.
    """
    listed = (entry for entry in toc.entries if entry.type != "chunk")
    for promised, found in zip_longest(listed, unpacked):
        in_table = _of_listed(promised) if promised is not None else "no entry"
        in_tar = _of_unpacked(found) if found is not None else "no entry"
        if in_table != in_tar:
            raise UnsafeContentError(
                "A blob's table of contents lists other files than its tar holds.",
                where=found.name if found is not None else promised.name,
                found=f"in the table: {in_table}",
                expected=f"as in the tar: {in_tar}",
                hint="do not use this blob: its maker shows different readers different files",
            )


def _listed(entry: TocEntry, content_end: int) -> ListedEntry:
    kind = _KINDS.get(entry.type)
    if kind is None:
        raise UnsafeContentError(f"An archive holds a {entry.type} entry.", where=entry.name)
    if entry.mode & _SPECIAL_BITS:
        raise UnsafeContentError(
            "An entry of an archive has a set-user-id, set-group-id or sticky bit.",
            where=entry.name,
            found=f"mode {entry.mode:o}",
        )
    name = entry.name.removesuffix("/") if kind == "dir" else entry.name
    if kind != "reg":
        return ListedEntry(entry=TreeEntry(name=name, kind=kind, link_name=entry.link_name))
    listed = ListedEntry(
        entry=TreeEntry(
            name=name,
            kind=kind,
            size=entry.size,
            executable=bool(entry.mode & _EXECUTABLE_BIT),
            digest=entry.digest.hex if entry.digest else "",
        ),
        start=entry.offset,
        end=entry.end_offset,
    )
    if entry.size and not (entry.digest and 0 <= listed.start < listed.end <= content_end):
        raise UnsafeContentError(
            "A blob's table of contents does not say where a file's content lies.",
            where=entry.name,
            found=f"bytes {listed.start} to {listed.end}, digest {entry.digest}",
            expected=f"a digest, and a place before byte {content_end}",
        )
    return listed


def _of_unpacked(entry: TreeEntry) -> str:
    mode = "executable " if entry.executable else ""
    digest = f"sha256:{entry.digest}"
    return _told(entry.kind, entry.name, entry.link_name, f"{mode}file", entry.size, digest)


def _of_listed(entry: TocEntry) -> str:
    name = entry.name.removesuffix("/")
    mode = "executable " if entry.mode & _EXECUTABLE_BIT else ""
    return _told(entry.type, name, entry.link_name, f"{mode}file", entry.size, str(entry.digest))


def _told(kind: str, name: str, link_name: str, file: str, size: int, digest: str) -> str:
    """Return all that both tell of an entry, in one form; files that are empty need no digest."""
    if kind in {"symlink", "hardlink"}:
        return f"{kind} {name} to {link_name}"
    if kind != "reg":
        return f"{kind} {name}"
    return f"{file} {name}, {size} bytes" + (f", {digest}" if size else "")
