"""The wheels that platforms take of locks, remembered in the store.

To parse a lock and to look through its wheels takes most of a build in which nothing changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ocistacks.request.locked_wheels import LockedWheel, choice_digest
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform
    from ocistacks.request.plan import WheelChooser
    from ocistacks.store.store import Store


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    wheels: tuple[LockedWheel, ...]


def remembered_wheels(store: Store) -> WheelChooser:
    """Return ``choose_wheels`` with a memory: a lock is parsed once a platform."""

    def choose(lock: LayerLock, platform: Platform) -> tuple[LockedWheel, ...]:
        path = store.choice_path(choice_digest(lock, platform))
        known = read_record(path, _Choice)
        if known is not None:
            return known.wheels
        from ocistacks.request.choose_wheels import choose_wheels  # rarely needed

        wheels = choose_wheels(lock, platform)
        write_record(path, _Choice(wheels=wheels))
        return wheels

    return choose
