"""Checking that a store holds what it says: every name against its bytes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ocistacks.progress import Reporter, Task
    from ocistacks.store.store import Store

_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreFault:
    """Something in a store that is not what its name says; ``path`` is below the store."""

    path: Path
    found: str
    expected: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The faults of a store, and how much was looked at; ``size`` in bytes."""

    faults: tuple[StoreFault, ...]
    blobs: int
    files: int
    trees: int
    size: int


def audit_store(store: Store, *, jobs: int, reporter: Reporter) -> Audit:
    """Digest every blob and every file's content, and look for writable and foreign files in trees.

    Names that vanish meanwhile are no faults.
    """
    blobs = [path for path in (store.root / "blobs" / "sha256").iterdir() if path.is_file()]
    files = [path for path in (store.root / "files").rglob("*") if path.is_file()]
    size = sum(_size(path) for path in (*blobs, *files))
    with (
        reporter.task("verify the store", total=size) as task,
        ThreadPoolExecutor(jobs) as pool,
    ):
        found = pool.map(lambda path: _content_fault(store, path, task), (*blobs, *files))
        faults = [fault for fault in found if fault is not None]
    trees = sorted((store.root / "trees").iterdir())
    for tree in trees:
        faults += _tree_faults(store, tree)
    return Audit(
        faults=tuple(faults), blobs=len(blobs), files=len(files), trees=len(trees), size=size
    )


def repair_store(store: Store, audit: Audit) -> None:
    """Remove what is damaged, so that it is fetched or built again; trees with damaged files, too.

    The caller has the store alone. Deployments keep what they have.
    """
    damaged = {(status.st_dev, status.st_ino) for status in _statuses(store, audit)}
    for fault in audit.faults:
        path = store.root / fault.path
        if path.is_dir() and not path.is_symlink():
            store.remove_folder(path)
        else:
            path.unlink(missing_ok=True)
    for folder in ("trees", "deployments"):
        for tree in sorted((store.root / folder).iterdir()):
            if any(
                (status.st_dev, status.st_ino) in damaged for _path, status in _regular_files(tree)
            ):
                store.remove_folder(tree)


def _content_fault(store: Store, path: Path, task: Task) -> StoreFault | None:
    expected = path.name.partition(".")[0]
    relative = path.relative_to(store.root)
    if not _HEX.fullmatch(expected):
        return StoreFault(path=relative, found=path.name, expected="64 hexadecimal digits")
    hasher = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                hasher.update(chunk)
                task.advance(len(chunk))
    except FileNotFoundError:
        return None
    except OSError as error:
        return StoreFault(
            path=relative, found=error.strerror or str(error), expected="a file that can be read"
        )
    if hasher.hexdigest() == expected:
        return None
    return StoreFault(
        path=relative, found=f"sha256:{hasher.hexdigest()}", expected=f"sha256:{expected}"
    )


def _tree_faults(store: Store, tree: Path) -> Iterator[StoreFault]:
    relative = tree.relative_to(store.root)
    if not _HEX.fullmatch(tree.name) or not tree.is_dir():
        yield StoreFault(path=relative, found=tree.name, expected="a folder named by a digest")
        return
    tops = [path.name for path in tree.iterdir()]
    if len(tops) != 1:
        yield StoreFault(path=relative, found=f"{len(tops)} entries", expected="one top folder")
    writable = next((path for path, status in _regular_files(tree) if status.st_mode & 0o222), None)
    if writable is not None:
        yield StoreFault(
            path=relative,
            found=f"{os.path.relpath(writable, tree)} can be written to",
            expected="read-only files",
        )


def _regular_files(tree: Path) -> Iterator[tuple[str, os.stat_result]]:
    for parent, _folders, names in os.walk(tree):
        for name in names:
            path = f"{parent}/{name}"
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _statuses(store: Store, audit: Audit) -> Iterator[os.stat_result]:
    for fault in audit.faults:
        path = store.root / fault.path
        if path.is_file():
            yield path.stat()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
