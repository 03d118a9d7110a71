"""Which wheel of a package a target platform takes (PyPA "Platform compatibility tags")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.pylock import Package, PackageWheel

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec

_PARTS_OF_A_WHEEL_S_NAME = (5, 6)  # without and with a build number
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_OLDEST_GLIBC_MINOR = 5
_FIRST_WITHOUT_PYMALLOC_FLAG = (3, 8)


def choose_wheel(
    package: Package, layer: LayerSpec, platform: Platform, python_minor: str
) -> PackageWheel | None:
    """Return the best wheel of ``package`` for a layer's platform, None if none fits."""
    ranks = _tag_ranks(layer.glibc_version, layer.macosx_version, platform, python_minor)
    fitting = [
        (-min(found), wheel)
        for wheel in package.wheels or ()
        if (found := [ranks[tag] for tag in wheel_tags(wheel) if tag in ranks])
    ]
    if len(fitting) > 1:
        return max(fitting, key=lambda wheel: (wheel[0], _build(wheel[1]), wheel[1].filename))[1]
    return fitting[0][1] if fitting else None


def wheel_tags(wheel: PackageWheel) -> frozenset[Tag]:
    """Return the tags in a wheel's file name, none for a name that is no wheel's."""
    parts = wheel.filename.split("-")
    if len(parts) not in _PARTS_OF_A_WHEEL_S_NAME or not wheel.filename.endswith(".whl"):
        return frozenset()
    return _tags("-".join(parts[-3:]).removesuffix(".whl"))


@lru_cache(maxsize=1024)  # a stack has thousands of wheels, and few different tags
def _tags(text: str) -> frozenset[Tag]:
    return parse_tag(text)


def _build(wheel: PackageWheel) -> tuple[int, str]:
    try:
        return parse_wheel_filename(wheel.filename)[2] or (-1, "")
    except InvalidWheelFilename:
        return (-1, "")


@lru_cache(maxsize=64)
def _tag_ranks(
    glibc_version: tuple[int, int],
    macosx_version: tuple[int, int],
    platform: Platform,
    python_minor: str,
) -> dict[Tag, int]:
    major, minor = (int(part) for part in python_minor.split("."))
    interpreter = f"cp{major}{minor}"
    # Named, because the default is that of the Python that runs this, free-threaded or not.
    abi = f"{interpreter}m" if (major, minor) < _FIRST_WITHOUT_PYMALLOC_FLAG else interpreter
    platforms = list(_platform_tags(platform, glibc_version, macosx_version))
    tags = [
        *cpython_tags((major, minor), abis=[abi], platforms=platforms),
        *compatible_tags((major, minor), interpreter, platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _platform_tags(
    platform: Platform, glibc_version: tuple[int, int], macosx_version: tuple[int, int]
) -> Iterable[str]:
    if platform.is_linux:
        return _linux_tags(platform, glibc_version)
    if platform.is_macos:
        return mac_platforms(macosx_version, platform.machine)
    return [platform.value]


def _linux_tags(platform: Platform, glibc_version: tuple[int, int]) -> Iterator[str]:
    major, newest = glibc_version
    for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1):
        yield f"manylinux_{major}_{minor}_{platform.machine}"
        if legacy := _LEGACY_MANYLINUX.get((major, minor)):
            yield f"{legacy}_{platform.machine}"
    yield platform.value
