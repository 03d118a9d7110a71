"""Materials: the hash-pinned files that a build consumes, and where each can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.local_wheels import local_path
from ocistacks.request.index_login import login_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from packaging.pylock import Package, PackageWheel

    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.request.index_login import IndexLogin


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """A file that is wanted by digest; it has a URL or a local path, or is in the store only."""

    name: str
    digest: Digest
    size: int | None
    """In bytes, None where the lock does not tell."""
    url: str | None = None
    path: Path | None = None
    login: IndexLogin | None = None
    """The index whose credentials the server is given, None for none."""
    hint: str | None = None
    """What to do where the file is in neither place."""


def wheel_material(
    package: Package,
    wheel: PackageWheel,
    lock_folder: Path,
    logins: Iterable[IndexLogin] = (),
) -> Material:
    """Return the material for a locked wheel; LockError if the lock has no SHA-256 for it.

    ``logins`` are the stack's indexes: a wheel on the host of one is asked for with its
    credentials.
    """
    sha256 = wheel.hashes.get("sha256")
    if sha256 is None:
        raise LockError(
            "A locked wheel has no sha256, so it cannot be verified.",
            where=f"{package.name}: {wheel.filename}, in {lock_folder}",
            found=", ".join(wheel.hashes) or "no hash",
            expected="sha256",
            hint="lock the layer again, from an index that tells the sha256",
        )
    path = local_path(wheel, lock_folder)
    return Material(
        name=unquote(wheel.filename),
        digest=Digest.from_hex(sha256),
        size=wheel.size,
        url=wheel.url if path is None else None,
        path=path,
        login=login_for(wheel.url, package.index, logins) if path is None and wheel.url else None,
    )


def python_material(pin: PythonPin) -> Material:
    """Return the material for a pinned Python archive."""
    return Material(
        name=f"Python {pin.version}",
        digest=pin.digest,
        size=pin.size,
        url=pin.url,
        hint="the archive was made elsewhere: copy it from that machine's store, or lock with "
        "--upgrade to pin one that can be had here",
    )
