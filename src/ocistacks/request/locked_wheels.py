"""A wheel as a lock has it, and what the choice of a lock's wheels depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform

_RULES = 1
"""Goes up when the same lock begins to give other wheels, so that old choices are not taken."""


class LockedWheel(BaseModel):
    """A wheel as a lock has it: with a URL, or with a path from the lock's folder.

    ``size`` is in bytes, None where the lock does not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    filename: str
    digest: Digest
    size: int | None
    url: str | None
    path: str | None
    index: str | None


def choice_digest(lock: LayerLock, platform: Platform) -> Digest:
    """Return the digest of all that the choice of wheels depends on."""
    layer = lock.layer
    inputs = {
        "rules": _RULES,
        "lock": lock.file.digest,
        "platform": platform.value,
        "python": runtime_of(layer).python_version,
        "glibc": layer.glibc_version,
        "macosx": layer.macosx_version,
    }
    return Digest.of_bytes(canonical_json(inputs))
