"""venvstacks' hash of a launch or support module."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ocistacks.spec.model import ApplicationSpec
from ocistacks.spec.source_filter import walk_module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocistacks.spec.model import LayerSpec


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


def _content_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
