"""A deployment: a folder with unpacked layers side by side, made of hard links to the store."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from ocistacks.digests import Digest
from ocistacks.errors import TargetError
from ocistacks.files import unwritable
from ocistacks.store.records import read_record, write_record
from ocistacks.store.store import remove_tree

RECORD_FILE = ".ocistacks-deployment.json"
LOCK_FILE = ".ocistacks-deployment.lock"
_INCOMING = ".incoming-"


class Deployment(BaseModel):
    """What a deployment holds: the blob digest of each layer by its folder's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: Mapping[str, Digest]


def read_deployment(target: Path) -> Deployment | None:
    """Return what the deployment in ``target`` holds, None if there is none.

    Raises:
        TargetError: the folder holds something else, or is no folder.
    """
    record = read_record(target / RECORD_FILE, Deployment) if target.is_dir() else None
    if record is not None:
        return record
    try:
        is_folder = target.is_dir()
        names = sorted(path.name for path in target.iterdir()) if is_folder else []
        strangers = [name for name in names if name != LOCK_FILE and not _is_partial(name)]
        occupied = bool(strangers) or (target.exists() and not is_folder)
    except OSError as error:
        raise unwritable(target, error) from error
    if occupied:
        raise TargetError(
            "The target folder is not empty, and no deployment of ocistacks.",
            where=str(target),
            found=", ".join(strangers[:5]) or "a file",
            expected="an empty folder, or none",
            hint="choose another folder",
        )
    return None


def write_deployment(target: Path, trees: Mapping[str, tuple[Digest, Path]]) -> int:
    """Let ``target`` hold exactly the given trees: name to blob digest and folder in the store.

    Layers that are there already stay; a layer appears complete or not at all. One process works
    on a deployment at a time; what a killed one left is cleared away. Returns how many layers were
    linked or copied.

    Raises:
        TargetError: the target holds something else, or cannot be written.
    """
    wanted = {name: digest for name, (digest, _tree) in trees.items()}
    present = read_deployment(target)
    if present is not None and present.layers == wanted:
        return 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / LOCK_FILE):
            return _write(target, wanted, {name: tree for name, (_digest, tree) in trees.items()})
    except OSError as error:
        raise unwritable(target, error) from error


def _write(target: Path, wanted: Mapping[str, Digest], trees: Mapping[str, Path]) -> int:
    present = read_deployment(target)
    if present is None:
        # First of all the folder is marked as ours, so that a run after a kill goes on here.
        write_record(target / RECORD_FILE, Deployment(layers={}))
    for leftover in target.iterdir():
        if leftover.name.startswith(_INCOMING):
            remove_tree(leftover)
        elif _is_partial(leftover.name):
            leftover.unlink()
    before = present.layers if present is not None else {}
    changed = [name for name, digest in wanted.items() if before.get(name) != digest]
    gone = [name for name in before if name not in wanted]
    incoming = Path(tempfile.mkdtemp(dir=target, prefix=_INCOMING))
    try:
        for name in changed:
            link_tree(trees[name], incoming / name)
        # From here on only renames: the record says what is complete.
        for name in (*changed, *gone):
            _replace(target / name, incoming / name, incoming / f"{name}.old")
        write_record(target / RECORD_FILE, Deployment(layers=wanted))
    finally:
        remove_tree(incoming)
    return len(changed)


def link_tree(source: Path, target: Path) -> None:
    """Make ``target`` a tree of hard links to ``source``'s files, or of copies where none can be.

    Raises:
        OSError: the target cannot be written.
    """
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in entries:
            path = target / entry.name
            if entry.is_symlink():
                path.symlink_to(os.readlink(entry.path))  # noqa: PTH115 - scandir gives strings
            elif entry.is_dir():
                link_tree(Path(entry.path), path)
            else:
                try:
                    os.link(entry.path, path)
                except OSError:
                    shutil.copy2(entry.path, path)


def _is_partial(name: str) -> bool:
    """Whether a file is a record that a killed process was writing (see ``atomic_file``)."""
    return name.startswith(f".{RECORD_FILE}.")


def _replace(place: Path, new: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    if new.exists():
        new.rename(place)
