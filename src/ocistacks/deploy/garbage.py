"""Cleaning up a store: what nothing uses goes, what a deployment uses stays."""

from __future__ import annotations

import stat
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from ocistacks.deploy.deployment import RECORD_FILE, Deployment
from ocistacks.digests import Digest
from ocistacks.files import unwritable
from ocistacks.store.inventory import files_below, last_used
from ocistacks.store.records import read_record
from ocistacks.store.targets import recorded_targets
from ocistacks.store.usage import alone

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from ocistacks.progress import Reporter
    from ocistacks.store.store import Store

# Seconds. What a pull has brought when it was stopped is of use to the next one.
_UNLINKED_GRACE: Final = 3600.0
# Folders of records that are made again when they are missing, in no time.
_RECORDS: Final = ("builds", "scripts", "choices")


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """Something that is removed: its path below the store, why, and the bytes that it frees."""

    path: Path
    reason: str
    size: int


class _PythonRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str


def collect_garbage(
    store: Store, *, older_than: float, dry_run: bool, reporter: Reporter
) -> tuple[Garbage, ...]:
    """Remove what nothing uses, and return what it was; with ``dry_run``, only that.

    That is: what killed processes left; layers, blobs and records that were not used for
    ``older_than`` seconds; deployments of ``ocistacks run`` that no process runs from and that
    were not used for as long; contents of files that no tree has. Layers that a deployment uses
    stay, and Pythons that were compiled here. Waits until no other command uses the store.

    Raises:
        TargetError: the store cannot be written.
    """
    usage = store.usage_path()
    try:
        with alone(usage, wait=False) as free:
            if free:
                return _Collection(store, older_than, dry_run=dry_run).run()
        reporter.say("waiting for other commands that use the store")
        with alone(usage, wait=True):
            return _Collection(store, older_than, dry_run=dry_run).run()
    except OSError as error:
        raise unwritable(store.root, error) from error


class _Collection:
    """One pass over a store that nobody else uses."""

    def __init__(self, store: Store, older_than: float, *, dry_run: bool) -> None:
        self._store = store
        self._dry_run = dry_run
        now = time.time()
        self._limit = now - older_than
        self._unlinked_limit = now - min(older_than, _UNLINKED_GRACE)
        self._garbage: list[Garbage] = []

    def run(self) -> tuple[Garbage, ...]:
        root = self._store.root
        for path in _sorted(root / "temporary"):
            self._take(path, "left by a killed process")
        used = self._used_by_targets() | self._used_by_deployments()
        self._take_unused(_sorted(root / "trees"), used, "a layer that was not used")
        pythons = _compiled_pythons(self._store)
        blobs = _sorted(root / "blobs" / "sha256")
        self._take_unused(blobs, pythons, "a blob that was not used")
        partial = _sorted(root / "partial")
        self._take_unused(partial, set(), "a part of a blob that nobody went on with")
        toolchains = _sorted(root / "toolchains")
        self._take_unused(toolchains, set(), "a toolchain that was not used")
        for folder in _RECORDS:
            self._take_unused(_sorted(root / folder), set(), "a record that was not used")
        self._take_unlinked()
        return tuple(self._garbage)

    def _take(self, path: Path, reason: str, size: int | None = None) -> None:
        if size is None:
            size = sum(map(_freed, files_below(path)))
        if not self._dry_run:
            if path.is_dir() and not path.is_symlink():
                self._store.remove_folder(path)
            else:
                path.unlink(missing_ok=True)
        relative = path.relative_to(self._store.root)
        self._garbage.append(Garbage(path=relative, reason=reason, size=size))

    def _take_unused(self, paths: Iterable[Path], kept: Collection[str], reason: str) -> None:
        for path in paths:
            if path.name not in kept and last_used(path) < self._limit:
                self._take(path, reason)

    def _used_by_targets(self) -> set[str]:
        """Return the layers of the folders that are still deployments; forget the others."""
        used: set[str] = set()
        for path, target in recorded_targets(self._store):
            deployment = read_record(target.folder / RECORD_FILE, Deployment)
            if deployment is None:
                self._take(path, "the record of a folder that is gone")
            else:
                used |= {digest.hex for digest in deployment.layers.values()}
        return used

    def _used_by_deployments(self) -> set[str]:
        """Return the layers of the store's own deployments that stay; remove the others."""
        used: set[str] = set()
        for path in _sorted(self._store.root / "deployments"):
            usage = self._store.usage_path(Digest.from_hex(path.name))
            with alone(usage, wait=False) as free:
                if free and last_used(path) < self._limit:
                    self._take(path, "a deployment that was not used")
                    continue
            record = read_record(path / RECORD_FILE, Deployment)
            used |= {digest.hex for digest in record.layers.values()} if record else set()
        return used

    def _take_unlinked(self) -> None:
        """Remove the contents that no tree has, or that none has when the garbage is gone."""
        leaving: Counter[int] = Counter()
        if self._dry_run:
            for garbage in self._garbage:
                below = files_below(self._store.root / garbage.path)
                leaving.update(status.st_ino for status in below)
        for folder in _sorted(self._store.root / "files"):
            for path in _sorted(folder):
                status = path.stat()
                is_unlinked = status.st_nlink - leaving[status.st_ino] <= 1
                if is_unlinked and status.st_mtime < self._unlinked_limit:
                    self._take(path, "a file's content that no layer has", status.st_size)


def _compiled_pythons(store: Store) -> set[str]:
    """Return the digests of Python archives that were made here, which takes minutes."""
    records = (read_record(path, _PythonRecord) for path in (store.root / "pythons").glob("*.json"))
    return {record.sha256 for record in records if record is not None}


def _freed(status: os.stat_result) -> int:
    """Return the bytes that are free when a name of a file is removed."""
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0


def _sorted(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
