"""Folders of wheels on this machine: absolute for uv, relative in a lock.

A specification names them from its own folder and a lock from the lock's, so that both can be moved
together with the wheels, and mean the same on another machine.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ocistacks.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.pylock import Package, PackageWheel, Pylock

_LISTS_OF_PLACES = ("find-links", "extra-index-url")


def with_absolute_places(project: Mapping[str, Any], stack_folder: Path) -> dict[str, Any]:
    """Return a layer's project with the local folders in uv's settings made absolute."""
    settings = dict(project["tool"]["uv"])
    for key in _LISTS_OF_PLACES:
        if isinstance(places := settings.get(key), list):
            settings[key] = [_absolute(place, stack_folder) for place in places]
    if "index-url" in settings:
        settings["index-url"] = _absolute(settings["index-url"], stack_folder)
    if "index" in settings:
        settings["index"] = [
            {**index, "url": _absolute(index["url"], stack_folder)} for index in settings["index"]
        ]
    return {**project, "tool": {**project["tool"], "uv": settings}}


def with_relative_wheels(pylock: Pylock, lock_folder: Path) -> Pylock:
    """Return a lock whose local wheels are paths from ``lock_folder``, with forward slashes.

    Raises:
        LockError: a wheel lies on another drive than the lock.
    """
    return replace(
        pylock, packages=[_relative_package(package, lock_folder) for package in pylock.packages]
    )


def local_path(url: str | None, path: str | None, lock_folder: Path) -> Path | None:
    """Return where a file lies that a lock names so, None if it is to be fetched."""
    if path is not None:
        # As text: a link in the way to the lock must not change what `..` means.
        return Path(os.path.normpath(lock_folder / path))
    if url is not None and urlsplit(url).scheme == "file":
        # Rarely needed, and an HTTP client comes with it.
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(url).path))
    return None


def _relative_package(package: Package, lock_folder: Path) -> Package:
    wheels = [_relative_wheel(wheel, lock_folder) for wheel in package.wheels or ()]
    return replace(package, wheels=wheels) if wheels else package


def _relative_wheel(wheel: PackageWheel, lock_folder: Path) -> PackageWheel:
    path = local_path(wheel.url, wheel.path, lock_folder)
    if path is None:
        return wheel
    try:
        relative = os.path.relpath(path, lock_folder)
    except ValueError as error:
        raise LockError(
            "A local wheel cannot be named from the lock.",
            where=str(lock_folder),
            found=str(path),
            expected="a folder on the same drive",
            hint="move the wheels beside the specification",
        ) from error
    return replace(wheel, url=None, path=PurePath(relative).as_posix())


def _absolute(place: object, folder: Path) -> object:
    if not isinstance(place, str) or "://" in place:
        return place
    return str(folder / place)
