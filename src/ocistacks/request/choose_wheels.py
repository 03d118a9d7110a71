"""The wheels that one platform takes of a layer's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.document import needed_on
from ocistacks.lock.shared import is_shared
from ocistacks.lock.wheels import choose_wheel
from ocistacks.request.locked_wheels import LockedWheel
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.pylock import Package, PackageWheel

    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform


def choose_wheels(lock: LayerLock, platform: Platform) -> tuple[LockedWheel, ...]:
    """Return the wheels that ``platform`` takes, in the lock's order.

    Raises:
        LockError: a package has no wheel for it, or none that can be verified.
    """
    layer = lock.layer
    wheels: list[LockedWheel] = []
    for package in lock.pylock.packages:
        if is_shared(package) or not needed_on(package, layer, platform):
            continue
        wheel = choose_wheel(package, layer, platform, runtime_of(layer).python_minor)
        if wheel is None:
            raise LockError(
                f"The lock of layer {layer.environment_name} has no wheel that fits.",
                where=f"{lock.paths.pylock}, {package.name} {package.version}, {platform}",
                hint="lock the layer again: ocistacks lock SPEC",
            )
        wheels.append(locked_wheel(package, wheel, lock.paths.folder))
    return tuple(wheels)


def locked_wheel(package: Package, wheel: PackageWheel, lock_folder: Path) -> LockedWheel:
    """Return a wheel of a locked package; LockError if the lock has no SHA-256 for it."""
    sha256 = wheel.hashes.get("sha256")
    if sha256 is None:
        raise LockError(
            "A locked wheel has no sha256, so it cannot be verified.",
            where=f"{package.name}: {wheel.filename}, in {lock_folder}",
            found=", ".join(wheel.hashes) or "no hash",
            expected="sha256",
            hint="lock the layer again, from an index that tells the sha256",
        )
    return LockedWheel(
        name=package.name,
        version=str(package.version),
        filename=unquote(wheel.filename),
        digest=Digest.from_hex(sha256),
        size=wheel.size,
        url=wheel.url,
        path=wheel.path,
        index=package.index,
    )
