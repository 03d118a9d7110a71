"""Which wheel of a package a target platform takes (PyPA "Platform compatibility tags")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.pylock import Package, PackageWheel

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec

_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_OLDEST_GLIBC_MINOR = 5


def choose_wheel(
    package: Package, layer: LayerSpec, platform: Platform, python_minor: str
) -> PackageWheel | None:
    """Return the best wheel of ``package`` for a layer's platform, None if none fits."""
    ranks = _tag_ranks(layer.glibc_version, layer.macosx_target, platform, python_minor)
    best: tuple[int, PackageWheel] | None = None
    for wheel in package.wheels or ():
        rank = min((ranks.get(tag, len(ranks)) for tag in wheel_tags(wheel)), default=len(ranks))
        if rank < len(ranks) and (best is None or rank < best[0]):
            best = (rank, wheel)
    return best[1] if best else None


def wheel_tags(wheel: PackageWheel) -> frozenset[Tag]:
    """Return the tags in a wheel's file name, none for a name that is no wheel's."""
    try:
        return parse_wheel_filename(wheel.filename)[3]
    except InvalidWheelFilename:
        return frozenset()


def fits_python(wheel: PackageWheel, python_minor: str) -> bool:
    """Whether a wheel can serve any build of one minor version of CPython, on any platform."""
    return any(_tag_fits_python(tag, python_minor) for tag in wheel_tags(wheel))


def _tag_fits_python(tag: Tag, python_minor: str) -> bool:
    major, minor = (int(part) for part in python_minor.split("."))
    interpreter = tag.interpreter
    if interpreter == f"cp{major}{minor}":
        return True
    family, version = (
        interpreter.rstrip("0123456789"),
        interpreter.lstrip("abcdefghijklmnopqrstuvwxyz"),
    )
    if family not in {"cp", "py"} or not version.startswith(str(major)):
        return False
    floor = int(version[1:] or 0)
    if family == "py":
        return tag.abi == "none" and floor <= minor
    return tag.abi in {"abi3", "none"} and floor <= minor


@lru_cache(maxsize=64)
def _tag_ranks(
    glibc_version: tuple[int, int], macosx_target: str, platform: Platform, python_minor: str
) -> dict[Tag, int]:
    major, minor = (int(part) for part in python_minor.split("."))
    platforms = list(_platform_tags(platform, glibc_version, macosx_target))
    tags = [
        *cpython_tags((major, minor), platforms=platforms),
        *compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _platform_tags(
    platform: Platform, glibc_version: tuple[int, int], macosx_target: str
) -> Iterable[str]:
    if platform.is_linux:
        return _linux_tags(platform, glibc_version)
    if platform.is_macos:
        major, _, minor = macosx_target.partition(".")
        return mac_platforms((int(major), int(minor or 0)), platform.machine)
    return [platform.value]


def _linux_tags(platform: Platform, glibc_version: tuple[int, int]) -> Iterator[str]:
    major, newest = glibc_version
    for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1):
        yield f"manylinux_{major}_{minor}_{platform.machine}"
        if legacy := _LEGACY_MANYLINUX.get((major, minor)):
            yield f"{legacy}_{platform.machine}"
    yield platform.value
