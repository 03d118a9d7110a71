"""Whether a lock has a wheel for each platform that needs one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import UnresolvedError
from ocistacks.lock.document import platforms_of
from ocistacks.lock.shared import is_shared
from ocistacks.lock.wheels import choose_wheel
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.pylock import Pylock

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec


class MissingWheelsError(UnresolvedError):
    """Packages have no wheel for a platform that needs them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _MissingWheel:
    """A package that has no wheel for one of the platforms that need it."""

    package: str
    version: str
    platform: Platform
    available: tuple[str, ...]
    """The file names of the wheels that there are."""


def require_wheels(pylock: Pylock, layer: LayerSpec) -> None:
    """Raise MissingWheelsError, which names each package and platform without a wheel."""
    missing = _missing_wheels(pylock, layer)
    if not missing:
        return
    faults = []
    for wheel in missing:
        names = ", ".join(wheel.available[:4]) or "none at all"
        more = f" and {len(wheel.available) - 4} more" if len(wheel.available) > 4 else ""
        faults.append(f"{wheel.package} {wheel.version} on {wheel.platform}: {names}{more}")
    raise MissingWheelsError(
        f"Layer {layer.environment_name} cannot be locked: packages have no wheel that fits.",
        packages=tuple(dict.fromkeys(wheel.package for wheel in missing)),
        where=f"layer {layer.environment_name}",
        found="\n    ".join(["these wheels only:", *faults]),
        expected=f"wheels for CPython {runtime_of(layer).python_minor}, "
        f"{layer.linux_target} or older on Linux, macOS {layer.macosx_target} or older",
        hint=f"{_narrower(missing, layer)}, raise linux_target or macosx_target, choose another "
        "version, or build the wheels: ocistacks wheels SPEC",
    )


def _narrower(missing: Iterable[_MissingWheel], layer: LayerSpec) -> str:
    lacking = {wheel.platform for wheel in missing}
    complete = [f'"{platform}"' for platform in layer.platforms if platform not in lacking]
    return f"set platforms = [{', '.join(complete)}]" if complete else "narrow the platforms"


def _missing_wheels(pylock: Pylock, layer: LayerSpec) -> tuple[_MissingWheel, ...]:
    """Return each package and platform for which the lock has no wheel."""
    minor = runtime_of(layer).python_minor
    return tuple(
        _MissingWheel(
            package=package.name,
            version=str(package.version),
            platform=platform,
            available=tuple(wheel.filename for wheel in package.wheels or ()),
        )
        for package in pylock.packages
        if not is_shared(package)
        for platform in platforms_of(package, layer)
        if choose_wheel(package, layer, platform, minor) is None
    )
