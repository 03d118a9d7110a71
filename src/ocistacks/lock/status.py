"""What a stack holds and how its locks stand; names and meaning are those of venvstacks 0.8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocistacks.lock.metadata import read_metadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.read import stale_reason
from ocistacks.spec.model import lower_layers
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from ocistacks.spec.model import LayerSpec, StackSpec

_UNKNOWN_VERSION = "???"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerStatus:
    """One layer: ``stale`` is why it has no valid lock, None where it has one.

    ``dependencies`` are the layers below, frameworks in linearised order, then the runtime.
    """

    name: str
    install_target: str
    kind: LayerKind
    stale: str | None
    dependencies: tuple[LayerStatus, ...]

    @property
    def summary(self) -> str:
        """The layer in one line: a star before what needs locking, the target where it differs."""
        mark = "*" if self.stale is not None else ""
        target = f" -> {self.install_target}" if self.install_target != self.name else ""
        return f"{mark}{self.name}{target}"

    def to_json(self, *, with_dependencies: bool = True) -> dict[str, Any]:
        """Return venvstacks' keys; an operation is selected by other commands than ``show``."""
        status: dict[str, Any] = {
            "name": self.name,
            "install_target": self.install_target,
            "has_valid_lock": self.stale is None,
            "selected_operations": None,
        }
        if with_dependencies and self.kind is not LayerKind.RUNTIME:
            status["dependencies"] = [
                lower.to_json(with_dependencies=False) for lower in self.dependencies
            ]
        return status


@dataclass(frozen=True, kw_only=True, slots=True)
class StackStatus:
    """All layers of a stack that are not switched off, in build order.

    ``spec_name`` is the absolute path of the specification.
    """

    spec_name: str
    layers: tuple[LayerStatus, ...]

    def of_kind(self, kind: LayerKind) -> tuple[LayerStatus, ...]:
        """Return the layers of one kind."""
        return tuple(layer for layer in self.layers if layer.kind is kind)

    def to_json(self) -> dict[str, Any]:
        """Return venvstacks' keys."""
        return {
            "spec_name": self.spec_name,
            **{
                kind.plural: [layer.to_json() for layer in self.of_kind(kind)] for kind in LayerKind
            },
        }


def stack_status(stack: StackSpec) -> StackStatus:
    """Return how the locks of ``stack`` stand; LockError for a lock that cannot be read."""
    statuses: dict[str, LayerStatus] = {}
    for layer in stack.layers:
        lower = tuple(statuses[below.environment_name] for below in lower_layers(layer))
        stale = stale_reason(stack, layer)
        statuses[layer.environment_name] = LayerStatus(
            name=layer.environment_name,
            install_target=_install_target(stack, layer, stale),
            kind=layer.kind,
            stale=stale,
            dependencies=lower,
        )
    return StackStatus(spec_name=str(stack.path), layers=tuple(statuses.values()))


def _install_target(stack: StackSpec, layer: LayerSpec, stale: str | None) -> str:
    if not layer.versioned:
        return layer.environment_name
    paths = LockPaths.of_layer(stack.folder, layer.environment_name)
    recorded = read_metadata(paths.metadata)
    if stale is not None or recorded is None:
        return f"{layer.environment_name}@{_UNKNOWN_VERSION}"
    return layer.install_target(recorded.lock_version)
