"""What is asked of a stack's layers, and what follows for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class When(StrEnum):
    """Whether something is done with a layer."""

    NEVER = "never"
    IF_NEEDED = "if-needed"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the command line asks for; names and defaults are those of venvstacks 0.8.

    ``include`` and ``reset_lock`` are fnmatch patterns of environment names; without ``include``
    all layers are meant. "Dependencies" are the layers that an included one stands on, "derived"
    ones those that stand on an included one.
    """

    lock: When = When.NEVER
    build: bool = False
    publish: bool = False
    include: tuple[str, ...] = ()
    reset_lock: tuple[str, ...] = ()
    allow_missing: bool = False
    lock_dependencies: bool = False
    build_dependencies: bool = False
    publish_dependencies: bool = False
    build_derived: bool = False
    publish_derived: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """What is done with one layer."""

    lock: When = When.NEVER
    build: When = When.NEVER
    publish: bool = False
    reset_lock: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The operations as `--show` lists them."""
        wanted = (
            ("reset-lock", When.ALWAYS if self.reset_lock else When.NEVER),
            ("lock", self.lock),
            ("build", self.build),
            ("publish", When.ALWAYS if self.publish else When.NEVER),
        )
        return tuple(
            name if when is When.ALWAYS else f"{name}-{When.IF_NEEDED}"
            for name, when in wanted
            if when is not When.NEVER
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The layers that a command works on, by environment name, in build order.

    ``warnings`` are sentences for the user: patterns that match nothing, where that is allowed.
    """

    operations: Mapping[str, Operations]
    warnings: tuple[str, ...] = ()

    @property
    def to_lock(self) -> frozenset[str]:
        """The layers that are locked, always or if needed."""
        return self._named(lambda layer: layer.lock is not When.NEVER)

    @property
    def to_lock_if_needed(self) -> frozenset[str]:
        """Those of them that are locked only where their lock is not valid."""
        return self._named(lambda layer: layer.lock is When.IF_NEEDED)

    @property
    def to_reset(self) -> frozenset[str]:
        """The layers whose pins are let go of before they are locked."""
        return self._named(lambda layer: layer.reset_lock)

    @property
    def to_build(self) -> frozenset[str]:
        """The layers that are built, where they are not there already."""
        return self._named(lambda layer: layer.build is not When.NEVER)

    @property
    def to_publish(self) -> frozenset[str]:
        """The layers that archives or exports are made of."""
        return self._named(lambda layer: layer.publish)

    def _named(self, wanted: Callable[[Operations], bool]) -> frozenset[str]:
        return frozenset(name for name, layer in self.operations.items() if wanted(layer))
