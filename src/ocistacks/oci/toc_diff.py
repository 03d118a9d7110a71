"""What differs between tables of contents: packages, files, and the bytes of what is not held."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ocistacks.blob.toc import Toc, TocEntry
    from ocistacks.digests import Digest

_INSTALLED = re.compile(r"(?:^|/)site-packages/([^/]+?)-([^/-]+)\.dist-info(?:/|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """A package whose version differs; None where it is not there."""

    name: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, object]:
        """Return the change as JSON has it."""
        return {"name": self.name, "from": self.before, "to": self.after}


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChanges:
    """The names of files and links that differ, below the layers' folders."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """The content of a file, or of a chunk of one; ``size`` is that of its frame in bytes."""

    file: Digest
    chunk: Digest
    size: int


def package_changes(before: Toc, after: Toc) -> tuple[PackageChange, ...]:
    """Return the packages that differ, by name."""
    old, new = packages(before), packages(after)
    return tuple(
        PackageChange(name=name, before=old.get(name), after=new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def packages(toc: Toc) -> Mapping[str, str]:
    """Return the versions of the packages that are installed in a layer, by normalized name.

    What a package carries within itself is no package of the layer.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for entry in toc.entries:
        installed = _INSTALLED.search(entry.name)
        if installed is not None:
            found[canonicalize_name(installed[1])].add(installed[2])
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def file_changes(before: Toc, after: Toc) -> FileChanges:
    """Return the files and links that differ in content, target or being executable."""
    old, new = _contents(before), _contents(after)
    return FileChanges(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )


def extents(toc: Toc) -> Iterator[Extent]:
    """Yield the contents of a blob that have bytes, in their order.

    The end of a file that is cut into chunks is no chunk's (docs/blob-format.md), so that the first
    chunk ends where the second one begins.
    """
    entries = [
        entry
        for entry in toc.entries
        if entry.type == "chunk" or (entry.type == "reg" and entry.size)
    ]
    file: Digest | None = None
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        file = entry.digest if entry.type == "reg" else file
        chunk = entry.chunk_digest or entry.digest
        if file is None or chunk is None:
            continue
        is_cut = following is not None and following.type == "chunk"
        end = following.offset if is_cut and following is not None else entry.end_offset
        yield Extent(file=file, chunk=chunk, size=max(0, end - entry.offset))


def held_digests(tocs: Iterable[Toc]) -> frozenset[Digest]:
    """Return the digests of all files and chunks that blobs hold."""
    return frozenset(
        digest for toc in tocs for extent in extents(toc) for digest in (extent.file, extent.chunk)
    )


def bytes_to_fetch(toc: Toc, held: set[Digest]) -> int:
    """Return the compressed bytes of what ``held`` lacks of a blob; add to it what was fetched."""
    total = 0
    fetched: set[Digest] = set()
    for extent in extents(toc):
        if extent.file in held or extent.chunk in held or extent.chunk in fetched:
            continue
        fetched.add(extent.chunk)
        total += extent.size
    held |= fetched
    held |= {extent.file for extent in extents(toc)}
    return total


def _contents(toc: Toc) -> Mapping[str, object]:
    return {
        _below(entry): (entry.type, entry.digest, entry.link_name, bool(entry.mode & 0o100))
        for entry in toc.entries
        if entry.type not in {"dir", "chunk"}
    }


def _below(entry: TocEntry) -> str:
    """Return an entry's name without the layer's folder, which may hold the lock's version."""
    _top, _slash, rest = entry.name.partition("/")
    return rest
