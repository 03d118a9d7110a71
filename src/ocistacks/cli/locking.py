"""Locking the layers that a command selected: what `lock` and `build` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.lock.options import LockOptions

if TYPE_CHECKING:
    from ocistacks.cli.options import LockingOptions
    from ocistacks.cli.session import StackSession
    from ocistacks.lock.lock_layer import LockResult
    from ocistacks.selection.model import Selection


def lock_selected(
    session: StackSession,
    selection: Selection,
    locking: LockingOptions,
    *,
    clean: bool = False,
    upgrade: bool = False,
    upgrade_packages: tuple[str, ...] = (),
) -> tuple[LockResult, ...]:
    """Lock the selected layers; LockError where one cannot be locked, and nothing changed then."""
    return session.lock(
        LockOptions(
            platforms=session.platforms,
            selected=selection.to_lock,
            if_needed=selection.to_lock_if_needed,
            reset=selection.to_reset,
            clean=clean,
            upgrade=upgrade,
            upgrade_packages=upgrade_packages,
            no_index=not locking.index,
            local_wheels=tuple(session.folder(path) for path in locking.local_wheels or ()),
            environment=session.environment,
        )
    )
