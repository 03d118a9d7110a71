"""From the text of a lock file to its packages, those of lower layers included."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from packaging.markers import InvalidMarker, Marker
from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ocistacks.errors import LockError
from ocistacks.lock.shared import is_shared_marker

if TYPE_CHECKING:
    from pathlib import Path


def parse_lock_file(content: bytes, path: Path) -> Pylock:
    """Return the lock that the file at ``path`` holds; LockError if it is broken."""
    try:
        return parse_pylock(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, PylockValidationError) as error:
        raise LockError(
            "A lock cannot be read.",
            where=str(path),
            found=str(error),
            expected="a pylock.toml 1.0 document",
            hint="restore the file, or delete it and lock the layer again: ocistacks lock SPEC",
        ) from error


def parse_pylock(text: str) -> Pylock:
    """Return the lock in a pylock text, with the entries for shared packages among the others.

    Such entries name no source, which the format demands of every package, so they are kept out
    of its validation.

    Raises:
        PylockValidationError: the text is no pylock document.
        tomllib.TOMLDecodeError: it is no TOML.
    """
    document = tomllib.loads(text)
    entries = document.get("packages", [])
    pylock = Pylock.from_dict(
        {**document, "packages": [entry for entry in entries if not _is_shared_entry(entry)]}
    )
    own = iter(pylock.packages)
    packages = [
        _shared_package(entry) if _is_shared_entry(entry) else next(own) for entry in entries
    ]
    return replace(pylock, packages=packages)


def _is_shared_entry(entry: object) -> bool:
    return isinstance(entry, dict) and is_shared_marker(str(entry.get("marker", "")))


def _shared_package(entry: dict[str, Any]) -> Package:
    try:
        return Package(
            name=canonicalize_name(str(entry["name"])),
            version=Version(str(entry["version"])),
            marker=_marker(entry["marker"]),
        )
    except (KeyError, InvalidVersion, InvalidMarker) as error:
        raise PylockValidationError(f"a shared package's entry is wrong: {error}") from error


@lru_cache(maxsize=256)  # the same few texts mark most of a stack's shared packages
def _marker(text: str) -> Marker:
    return Marker(text)
