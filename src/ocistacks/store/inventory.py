"""What lies in a store: kinds, numbers and sizes; pure reading."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.digests import Digest
from ocistacks.store.targets import recorded_targets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ocistacks.store.store import Store

_KINDS: Final = {
    "blobs/sha256": "materials and layer blobs",
    "files": "contents of layers' files",
    "trees": "unpacked layers (links to the contents)",
    "deployments": "applications that ran (links, too)",
    "toolchains": "roots for compiling",
    "wheels": "wheels",
    "temporary": "unfinished",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKind:
    """How much of one kind there is; ``size`` in bytes, of each file once, links counted as 0."""

    folder: str
    meaning: str
    count: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTree:
    """An unpacked layer; ``size`` is that of its files in bytes, ``idle`` seconds since its use."""

    blob: Digest
    install_target: str
    files: int
    size: int
    idle: float
    folders: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """A store's content."""

    root: Path
    kinds: tuple[StoredKind, ...]
    trees: tuple[StoredTree, ...]

    @property
    def size(self) -> int:
        """Bytes of all files, each once."""
        return sum(kind.size for kind in self.kinds)


def take_inventory(store: Store) -> Inventory:
    """Return what lies in a store; what vanishes meanwhile is left out."""
    seen: set[tuple[int, int]] = set()
    # The contents come before the trees, so that these count as the links that they are.
    kinds = tuple(_kind(store.root, folder, seen) for folder in _KINDS)
    users: dict[str, list[Path]] = {}
    for _path, target in recorded_targets(store):
        for digest in target.blobs:
            users.setdefault(digest.hex, []).append(target.folder)
    trees = tuple(
        _tree(folder, tuple(users.get(folder.name, ())))
        for folder in sorted((store.root / "trees").iterdir())
    )
    return Inventory(root=store.root, kinds=kinds, trees=trees)


def last_used(path: Path) -> float:
    """Return when a file or folder was made, written or read, as seconds since the epoch."""
    status = path.stat()
    return max(status.st_mtime, 0 if path.is_dir() else status.st_atime)


def files_below(folder: Path) -> Iterator[os.stat_result]:
    """Yield the status of every file and link below a folder, or of the file that it is."""
    if not folder.is_dir():
        yield folder.lstat()
        return
    for parent, _folders, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(f"{parent}/{name}")
            except FileNotFoundError:
                continue


def _kind(root: Path, folder: str, seen: set[tuple[int, int]]) -> StoredKind:
    count = size = 0
    for status in files_below(root / folder):
        count += folder in {"files", "blobs/sha256"}
        identity = status.st_dev, status.st_ino
        if identity not in seen:
            seen.add(identity)
            size += status.st_size
    if folder not in {"files", "blobs/sha256"}:
        count = sum(1 for _ in (root / folder).iterdir())
    return StoredKind(folder=folder, meaning=_KINDS[folder], count=count, size=size)


def _tree(folder: Path, folders: tuple[Path, ...]) -> StoredTree:
    statuses = list(files_below(folder))
    return StoredTree(
        blob=Digest.from_hex(folder.name),
        install_target=next((path.name for path in folder.iterdir()), ""),
        files=len(statuses),
        size=sum(status.st_size for status in statuses),
        idle=max(0.0, time.time() - last_used(folder)),
        folders=folders,
    )
