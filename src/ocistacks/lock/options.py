"""How a stack is to be locked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocistacks.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class LockOptions:
    """How locking is to be done; sets of layers hold environment names.

    A layer that is neither in ``selected`` nor in ``if_needed`` is not touched.
    """

    platforms: tuple[Platform, ...]
    """Those that a Python archive is looked for and pinned for, if it is not yet: an archive is
    large, and the other platforms may never be built."""
    selected: frozenset[str] | None = None
    """The layers that are locked; None for all."""
    if_needed: frozenset[str] = frozenset()
    """The layers that keep a valid lock, whoever made it, unless what they use has changed."""
    reset: frozenset[str] = frozenset()
    """The layers whose pins are let go of; version numbers go on."""
    upgrade: bool = False
    """Let go of the pins of all layers that are locked."""
    upgrade_packages: tuple[str, ...] = ()
    clean: bool = False
    """Ask uv although nothing changed, and let it ask the indexes rather than its cache."""
    no_index: bool = False
    """Take wheels from folders alone (uv's `no-index`)."""
    local_wheels: tuple[Path, ...] = ()
    """More folders of wheels, relative to the specification (uv's `find-links`)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables that uv sees."""

    def locks(self, name: str) -> bool:
        """Whether a layer is to be locked, always or if needed."""
        return self.selected is None or name in self.selected or name in self.if_needed

    def upgrades(self, name: str) -> bool:
        """Whether all pins of a layer are let go of."""
        return self.upgrade or name in self.reset

    def must_ask(self, name: str) -> bool:
        """Whether uv is asked for a layer even where nothing changed since it was last asked."""
        if name in self.reset:
            return True
        asked = self.upgrade or self.upgrade_packages or self.clean
        return name not in self.if_needed and bool(asked or self.no_index or self.local_wheels)
