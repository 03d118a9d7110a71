"""venvstacks' hash of a launch or support module, and which files belong to one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ocistacks.spec.model import ApplicationSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ocistacks.spec.model import LayerSpec

_LEFT_OUT = {"__pycache__", ".git", ".gitignore", ".gitattributes", ".gitmodules"}


def module_hashes(layer: LayerSpec) -> Mapping[Path, str]:
    """Return the hash of each launch and support module of an application, by its path."""
    if not isinstance(layer, ApplicationSpec):
        return {}
    return {path: module_hash(path) for path in (layer.launch_module, *layer.support_modules)}


def module_hash(path: Path) -> str:
    """Return the hash of a module (a file) or package (a folder), as venvstacks 0.8 makes it."""
    if path.is_dir():
        hasher = hashlib.sha256()
        for folder, files in walk_module(path):
            hasher.update(folder.name.encode())
            for file in files:
                hasher.update(file.name.encode())
                hasher.update(_content_hash(file).encode())
        return f"sha256/{hasher.hexdigest()}"
    hasher = hashlib.sha256(path.name.encode())
    hasher.update(_content_hash(path).encode())
    return f"sha256:{hasher.hexdigest()}"


def walk_module(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield a package's folders, top down and sorted, each with its sorted files.

    Compiled files and what belongs to version control are left out.
    """
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name not in _LEFT_OUT),
        key=lambda entry: entry.name,
    )
    yield folder, [entry for entry in entries if entry.is_file() and entry.suffix != ".pyc"]
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from walk_module(entry)


def _content_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
