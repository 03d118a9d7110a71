"""What locking changed in a layer, for people and programs to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from ocistacks.lock.document import needed_on
from ocistacks.lock.shared import is_shared
from ocistacks.lock.wheels import choose_wheel
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.pylock import Package

    from ocistacks.lock.lock_layer import LockResult, Outcome
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPackage:
    """A package of a layer's own, or its Python: versions are sorted and joined by commas.

    ``size`` is how many bytes the layer's platforms fetch for it, each file counted once; None
    where the lock does not tell.
    """

    version: str
    size: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the version and the size in bytes, the latter where it is known."""
        size = {} if self.size is None else {"size": self.size}
        return {"version": self.version, **size}

    def __str__(self) -> str:
        return self.version if self.size is None else f"{self.version} ({decimal(self.size)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChange:
    """A package that came (``before`` is None), went (``after`` is None) or is another one now."""

    name: str
    before: LockedPackage | None
    after: LockedPackage | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.name} {self.after}"
        if self.after is None:
            return f"- {self.name} {self.before}"
        if self.before == self.after:
            return f"~ {self.name} {self.after}, other files or platforms"
        return f"~ {self.name} {self.before} -> {self.after}"

    def to_json(self) -> dict[str, Any]:
        """Return the name and what was and is there, null for nothing."""
        return {
            "name": self.name,
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerChanges:
    """What locking did to one layer: packages sorted by name, and Python for each platform."""

    layer: str
    outcome: Outcome
    packages: tuple[PackageChange, ...]
    pythons: tuple[PackageChange, ...]

    def __str__(self) -> str:
        changes = (*self.packages, *self.pythons)
        return "\n".join([f"{self.layer}: {self.outcome}", *(f"  {change}" for change in changes)])

    def to_json(self) -> dict[str, Any]:
        """Return the changes for a program to read."""
        return {
            "layer": self.layer,
            "outcome": self.outcome,
            "packages": [change.to_json() for change in self.packages],
            "pythons": [change.to_json() for change in self.pythons],
        }


def layer_changes(result: LockResult) -> LayerChanges:
    """Return what is different between a layer's lock and the one that was there before."""
    before, after = result.previous, result.lock
    return LayerChanges(
        layer=after.layer.environment_name,
        outcome=result.outcome,
        packages=_package_changes(before, after),
        pythons=_python_changes(before, after),
    )


def _package_changes(before: LayerLock | None, after: LayerLock) -> tuple[PackageChange, ...]:
    old, new = _own(before), _own(after)
    return tuple(
        PackageChange(
            name=name,
            before=_locked(before, old[name]) if before is not None and name in old else None,
            after=_locked(after, new[name]) if name in new else None,
        )
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _own(lock: LayerLock | None) -> dict[str, list[Package]]:
    """Return the entries of each package that is the layer's own, by the package's name."""
    own: dict[str, list[Package]] = {}
    for package in lock.pylock.packages if lock is not None else ():
        if not is_shared(package):
            own.setdefault(package.name, []).append(package)
    return own


def _locked(lock: LayerLock, entries: Collection[Package]) -> LockedPackage:
    layer = lock.layer
    minor = runtime_of(layer).python_minor
    sizes: dict[str, int | None] = {}
    for package in entries:
        for platform in layer.platforms:
            wheel = choose_wheel(package, layer, platform, minor)
            if wheel is not None and needed_on(package, layer, platform):
                sizes[wheel.filename] = wheel.size
    versions = {package.version for package in entries if package.version is not None}
    known = [size for size in sizes.values() if size is not None]
    return LockedPackage(
        version=", ".join(str(one) for one in sorted(versions)),
        size=sum(known) if known and len(known) == len(sizes) else None,
    )


def _python_changes(before: LayerLock | None, after: LayerLock) -> tuple[PackageChange, ...]:
    old = before.pins if before is not None else {}
    changed = [one for one in {**old, **after.pins} if old.get(one) != after.pins.get(one)]
    return tuple(
        PackageChange(
            name=f"Python for {platform}",
            before=_python(before, platform) if before is not None else None,
            after=_python(after, platform),
        )
        for platform in sorted(changed)
    )


def _python(lock: LayerLock, platform: Platform) -> LockedPackage | None:
    pin = lock.pins.get(platform)
    return LockedPackage(version=pin.version, size=pin.size) if pin is not None else None
