"""The metadata of a lock that was just made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ocistacks.lock.hashes import (
    lock_input_hash,
    other_inputs_hash,
    requirements_hash,
    version_inputs_hash,
)
from ocistacks.lock.metadata import LockMetadata, OwnMetadata
from ocistacks.lock.module_hash import module_hashes

if TYPE_CHECKING:
    from packaging.pylock import Pylock

    from ocistacks.digests import Digest
    from ocistacks.spec.model import LayerSpec


def new_metadata(
    layer: LayerSpec,
    pylock: Pylock,
    recorded: LockMetadata | None,
    resolver_inputs: Digest | None,
    *,
    newest: datetime | None,
) -> LockMetadata:
    """Return the lock's metadata; version and time stay where what they stand for stays.

    ``newest`` bounds the time (`exclude-newer`): nothing that was released later is in the lock.
    """
    fresh = LockMetadata(
        requirements_hash=requirements_hash(pylock),
        lock_input_hash=lock_input_hash(layer),
        other_inputs_hash=other_inputs_hash(layer),
        version_inputs_hash=version_inputs_hash(layer, module_hashes(layer)),
        lock_version=1,
        locked_at=_earlier(datetime.now(UTC).replace(microsecond=0), newest),
        ocistacks=OwnMetadata(resolver_inputs_hash=resolver_inputs),
    )
    if recorded is None:
        return fresh
    if _is_for_the_same(fresh, recorded, versioned=layer.versioned):
        late = newest is not None and recorded.lock_time > newest
        kept = {
            "version_inputs_hash": recorded.version_inputs_hash,
            "lock_version": recorded.lock_version if layer.versioned else 1,
            "locked_at": _earlier(recorded.lock_time, newest) if late else recorded.locked_at,
        }
        return fresh.model_copy(update=kept)
    version = recorded.lock_version + 1 if layer.versioned else 1
    return fresh.model_copy(update={"lock_version": version})


def _is_for_the_same(one: LockMetadata, other: LockMetadata, *, versioned: bool) -> bool:
    """Whether two locks are of the same content and inputs: no new version is due."""
    compared = ["requirements_hash", "lock_input_hash", "other_inputs_hash"]
    if versioned:
        compared.append("version_inputs_hash")
    return all(getattr(one, key) == getattr(other, key) for key in compared)


def _earlier(moment: datetime, newest: datetime | None) -> str:
    return (moment if newest is None else min(moment, newest)).isoformat()
