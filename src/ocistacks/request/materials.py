"""Materials: the hash-pinned files that a build consumes, and where each can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.lock.local_wheels import local_path
from ocistacks.request.index_login import login_for
from ocistacks.request.model import WheelInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.request.index_login import IndexLogin
    from ocistacks.request.locked_wheels import LockedWheel


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
    wheel: LockedWheel, lock_folder: Path, logins: Iterable[IndexLogin] = ()
) -> Material:
    """Return the material for a locked wheel.

    ``logins`` are the stack's indexes: a wheel on the host of one is asked for with its
    credentials.
    """
    path = local_path(wheel.url, wheel.path, lock_folder)
    url = wheel.url if path is None else None
    return Material(
        name=wheel.filename,
        digest=wheel.digest,
        size=wheel.size,
        url=url,
        path=path,
        login=login_for(url, wheel.index, logins) if url is not None else None,
    )


def wheel_input(wheel: LockedWheel) -> WheelInput:
    """Return what a build request says of a locked wheel."""
    return WheelInput(
        name=wheel.name, version=wheel.version, filename=wheel.filename, digest=wheel.digest
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
