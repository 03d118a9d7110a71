"""What a stack holds and how its locks stand; names and meaning are those of venvstacks 0.8."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ocistacks.lock.metadata import read_metadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.read import stale_reason
from ocistacks.spec.model import lower_layers
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from ocistacks.selection.model import Selection
    from ocistacks.spec.model import LayerSpec, StackSpec

_UNKNOWN_VERSION = "???"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerStatus:
    """One layer: ``stale`` is why it has no valid lock, None where it has one.

    ``operations`` is what a command would do with it, None where none is asked.
    ``dependencies`` are the layers below, frameworks in linearised order, then the runtime.
    """

    name: str
    install_target: str
    kind: LayerKind
    stale: str | None
    operations: tuple[str, ...] | None
    dependencies: tuple[LayerStatus, ...]

    @property
    def summary(self) -> str:
        """The layer in one line: a star before what needs locking, the target where it differs."""
        mark = "*" if self.stale is not None else ""
        target = f" -> {self.install_target}" if self.install_target != self.name else ""
        return f"{mark}{self.name}{target}"

    def to_json(self, *, with_dependencies: bool) -> dict[str, Any]:
        """Return venvstacks' keys."""
        status: dict[str, Any] = {
            "name": self.name,
            "install_target": self.install_target,
            "has_valid_lock": self.stale is None,
            "selected_operations": list(self.operations) if self.operations is not None else None,
        }
        if with_dependencies and self.kind is not LayerKind.RUNTIME:
            status["dependencies"] = [
                lower.without_operations().to_json(with_dependencies=False)
                for lower in self.dependencies
            ]
        return status

    def without_operations(self) -> LayerStatus:
        """Return the layer as others tell of it."""
        return replace(self, operations=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class StackStatus:
    """The layers of a stack that a command works on, in build order.

    ``spec_name`` is the absolute path of the specification.
    """

    spec_name: str
    layers: tuple[LayerStatus, ...]

    def of_kind(self, kind: LayerKind) -> tuple[LayerStatus, ...]:
        """Return the layers of one kind."""
        return tuple(layer for layer in self.layers if layer.kind is kind)

    def to_json(self, *, with_dependencies: bool) -> dict[str, Any]:
        """Return venvstacks' keys."""
        return {
            "spec_name": self.spec_name,
            **{
                kind.plural: [
                    layer.to_json(with_dependencies=with_dependencies)
                    for layer in self.of_kind(kind)
                ]
                for kind in LayerKind
            },
        }

    def to_text(self, *, with_dependencies: bool) -> str:
        """Return the layers by kind, a line each, with operations or what is wrong with a lock."""
        lines = [self.spec_name]
        for kind in LayerKind:
            lines.append(f"  {kind.plural}")
            for layer in self.of_kind(kind):
                lines.append(f"    {layer.summary}{_remark(layer)}")
                if with_dependencies:
                    lines += [f"      {lower.summary}" for lower in layer.dependencies]
        return "\n".join(lines)


def stack_status(
    stack: StackSpec, selection: Selection, *, with_operations: bool = True
) -> StackStatus:
    """Return how the locks of the selected layers stand, and what would be done with each.

    Raises:
        LockError: a lock cannot be read.
    """
    statuses: dict[str, LayerStatus] = {}
    for layer in stack.layers:
        lower = tuple(statuses[below.environment_name] for below in lower_layers(layer))
        stale = stale_reason(stack, layer)
        statuses[layer.environment_name] = LayerStatus(
            name=layer.environment_name,
            install_target=_install_target(stack, layer, stale),
            kind=layer.kind,
            stale=stale,
            operations=_operations(layer, selection) if with_operations else None,
            dependencies=lower,
        )
    return StackStatus(
        spec_name=str(stack.path),
        layers=tuple(layer for name, layer in statuses.items() if name in selection.operations),
    )


def _operations(layer: LayerSpec, selection: Selection) -> tuple[str, ...]:
    chosen = selection.operations.get(layer.environment_name)
    return chosen.names if chosen is not None else ()


def _remark(layer: LayerStatus) -> str:
    if layer.operations:
        return f" ({', '.join(layer.operations)})"
    return f"  ({layer.stale})" if layer.operations is None and layer.stale is not None else ""


def _install_target(stack: StackSpec, layer: LayerSpec, stale: str | None) -> str:
    if not layer.versioned:
        return layer.environment_name
    paths = LockPaths.of_layer(stack.folder, layer.environment_name)
    recorded = read_metadata(paths.metadata)
    if stale is not None or recorded is None:
        return f"{layer.environment_name}@{_UNKNOWN_VERSION}"
    return layer.install_target(recorded.lock_version)
