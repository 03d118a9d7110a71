"""A deployment: a folder with unpacked layers side by side, made of hard links to the store."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import AfterValidator, BaseModel, ConfigDict

from ocistacks.blob.names import is_plain_name
from ocistacks.digests import Digest
from ocistacks.errors import TargetError
from ocistacks.files import unwritable
from ocistacks.store.records import read_record, write_record
from ocistacks.store.store import remove_tree

RECORD_FILE = ".ocistacks-deployment.json"
LOCK_FILE = ".ocistacks-deployment.lock"
_INCOMING = ".incoming-"


def _plain_name(name: str) -> str:
    if not is_plain_name(name):
        message = "not the name of a folder"
        raise ValueError(message)
    return name


class Deployment(BaseModel):
    """What a deployment holds: the blob digest of each layer by its folder's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: Mapping[Annotated[str, AfterValidator(_plain_name)], Digest]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentOptions:
    """How a deployment is written.

    ``copy`` makes copies that their owner may write to, where hard links share the store's
    read-only files. ``renew`` names layers that are made again although they are there. ``beside``
    names what may lie in a folder that is no deployment yet; layers take the place of what has
    their name.
    """

    copy: bool = False
    renew: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()


_DEFAULT_OPTIONS = DeploymentOptions()


def read_deployment(target: Path, *, beside: Collection[str] = ()) -> Deployment | None:
    """Return what the deployment in ``target`` holds, None if there is none.

    ``beside`` names what may be in the folder although it is no deployment yet.

    Raises:
        TargetError: the folder holds something else, or is no folder.
    """
    record = read_record(target / RECORD_FILE, Deployment) if target.is_dir() else None
    if record is not None:
        return record
    try:
        is_folder = target.is_dir()
        names = sorted(path.name for path in target.iterdir()) if is_folder else []
        strangers = [
            name
            for name in names
            if name != LOCK_FILE and name not in beside and not _is_partial(name)
        ]
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


def write_deployment(
    target: Path,
    trees: Mapping[str, tuple[Digest, Path]],
    *,
    options: DeploymentOptions = _DEFAULT_OPTIONS,
) -> frozenset[str]:
    """Let ``target`` hold exactly the given trees: name to blob digest and folder in the store.

    Layers that are there already stay; a layer appears complete or not at all. One process works
    on a deployment at a time; what a killed one left is cleared away. Returns the names of the
    layers that were linked or copied.

    Raises:
        TargetError: the target holds something else, or cannot be written.
    """
    wanted = {name: digest for name, (digest, _tree) in trees.items()}
    present = read_deployment(target, beside=options.beside)
    try:
        if (
            present is not None
            and present.layers.keys() == wanted.keys()
            and not (_changed(target, wanted, present) or options.renew or _leftovers(target))
        ):
            return frozenset()
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / LOCK_FILE):
            return _write(
                target, wanted, {name: tree for name, (_digest, tree) in trees.items()}, options
            )
    except OSError as error:
        raise unwritable(target, error) from error


def _write(
    target: Path,
    wanted: Mapping[str, Digest],
    trees: Mapping[str, Path],
    options: DeploymentOptions,
) -> frozenset[str]:
    present = read_deployment(target, beside=options.beside)
    if present is None:
        # First of all the folder is marked as ours, so that a run after a kill goes on here.
        present = Deployment(layers={})
        write_record(target / RECORD_FILE, present)
    for leftover in _leftovers(target):
        if leftover.is_dir():
            remove_tree(leftover)
        else:
            leftover.unlink()
    changed = _changed(target, wanted, present) | (options.renew & wanted.keys())
    gone = present.layers.keys() - wanted.keys()
    incoming = Path(tempfile.mkdtemp(dir=target, prefix=_INCOMING))
    try:
        for name in sorted(changed):
            link_tree(trees[name], incoming / name, copy=options.copy)
        # From here on only renames: the record says what is complete.
        for name in sorted(changed | gone):
            _replace(target / name, incoming / name, incoming / f"{name}.old")
        write_record(target / RECORD_FILE, Deployment(layers=wanted))
    finally:
        remove_tree(incoming)
    return changed


def _changed(target: Path, wanted: Mapping[str, Digest], present: Deployment) -> frozenset[str]:
    """Return the layers that are not there, or not with the bytes that are wanted."""
    return frozenset(
        name
        for name, digest in wanted.items()
        if present.layers.get(name) != digest or not (target / name).is_dir()
    )


def link_tree(source: Path, target: Path, *, copy: bool = False) -> None:
    """Make ``target`` a tree of hard links to ``source``'s files, or of copies where none can be.

    With ``copy``, all files are copies, which their owner may write to.

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
                link_tree(Path(entry.path), path, copy=copy)
            elif copy:
                shutil.copy2(entry.path, path)
                path.chmod(path.stat().st_mode | stat.S_IWUSR)
            else:
                try:
                    os.link(entry.path, path)
                except OSError:
                    shutil.copy2(entry.path, path)


def _leftovers(target: Path) -> list[Path]:
    """Return what a killed process left, at the very end too; or what another one works on."""
    return [
        path
        for path in target.iterdir()
        if path.name.startswith(_INCOMING) or _is_partial(path.name)
    ]


def _is_partial(name: str) -> bool:
    """Whether a file is a record that a killed process was writing (see ``atomic_file``)."""
    return name.startswith(f".{RECORD_FILE}.")


def _replace(place: Path, new: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    if new.exists():
        new.rename(place)
