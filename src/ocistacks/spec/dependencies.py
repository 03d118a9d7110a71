"""What a framework or an application stands on: its runtime, and its frameworks in C3 order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.spec.faults import Fault, Findings, KeyPath, key_path_text, shown, unknown_name
from ocistacks.spec.linearise import OrderConflictError, merge
from ocistacks.spec.names import LayerKind
from ocistacks.spec.tables import LayeredTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.spec.entries import Entry
    from ocistacks.spec.model import FrameworkSpec, LayerSpec, RuntimeSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependencies:
    """Resolved dependencies; ``frameworks`` is empty where the layer names its runtime."""

    runtime: RuntimeSpec
    frameworks: tuple[FrameworkSpec, ...]

    @property
    def nearest(self) -> Sequence[LayerSpec]:
        """The layers whose platforms and indexes are handed on to the layer."""
        return self.frameworks or (self.runtime,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """The layers that a layer may name: those before it.

    ``frameworks`` has None for a framework that cannot be resolved, which is told once, at its own
    place; ``all_frameworks`` has the entry of every framework of the file.
    """

    runtimes: Mapping[str, RuntimeSpec]
    frameworks: Mapping[str, FrameworkSpec | None]
    all_frameworks: Mapping[str, Entry]


def find_dependencies(entry: Entry, declared: Declared, findings: Findings) -> Dependencies | None:
    """Return what the layer of ``entry`` stands on, or None where that cannot be told.

    Every reason that is this layer's own is gathered in ``findings``.
    """
    table = entry.table
    if not isinstance(table, LayeredTable):
        raise TypeError(type(table).__name__)
    if entry.faulty & {"runtime", "frameworks"}:
        return None
    if table.runtime is not None and table.frameworks is not None:
        findings.add(
            Fault(
                path=entry.place.path,
                problem="both runtime and frameworks are given",
                layer=entry.environment_name,
                found=f"runtime = {shown(table.runtime)}, frameworks = "
                f"{shown(list(table.frameworks))}",
                allowed="one of the two: frameworks bring their runtime with them",
            )
        )
        return None
    if table.runtime is not None:
        return _on_runtime(entry, table.runtime, declared, findings)
    if table.frameworks:
        return _on_frameworks(entry, table.frameworks, declared, findings)
    findings.add(
        Fault(
            path=entry.place.path if table.frameworks is None else entry.place.at("frameworks"),
            problem="neither a runtime nor a framework is given",
            layer=entry.environment_name,
            allowed='runtime = "NAME" or frameworks = ["NAME", ...]',
        )
    )
    return None


def _on_runtime(
    entry: Entry, name: str, declared: Declared, findings: Findings
) -> Dependencies | None:
    runtime = declared.runtimes.get(name)
    if runtime is not None:
        return Dependencies(runtime=runtime, frameworks=())
    path = entry.place.at("runtime")
    if name in declared.all_frameworks:
        findings.add(
            Fault(
                path=path,
                problem="unknown runtime: it is a framework",
                layer=entry.environment_name,
                found=shown(name),
                allowed=", ".join(declared.runtimes),
                hint=f'write frameworks = ["{name}"]',
            )
        )
    else:
        layer = entry.environment_name
        findings.add(unknown_name(path, "runtime", name, declared.runtimes, layer=layer))
    return None


def _on_frameworks(
    entry: Entry, names: Sequence[str], declared: Declared, findings: Findings
) -> Dependencies | None:
    found: list[FrameworkSpec] = []
    sound = True
    for position, name in enumerate(names):
        path = entry.place.at("frameworks", position)
        fault = _reference_fault(entry, path, name, names[:position], declared)
        if fault is not None:
            findings.add(fault)
        framework = declared.frameworks.get(name)
        if fault is not None or framework is None:
            sound = False
        elif found and framework.runtime is not found[0].runtime:
            findings.add(_inconsistent_runtimes(entry, path, found[0], framework))
            sound = False
        else:
            found.append(framework)
    if not sound:
        return None
    by_name = {below.name: below for direct in found for below in (direct, *direct.frameworks)}
    sequences = [[below.name for below in (direct, *direct.frameworks)] for direct in found]
    try:
        order = merge([*sequences, [direct.name for direct in found]])
    except OrderConflictError as conflict:
        findings.add(
            Fault(
                path=entry.place.at("frameworks"),
                problem="linearization failed: the frameworks contradict each other's order",
                layer=entry.environment_name,
                found="; ".join(" before ".join(names) for names in conflict.remaining),
                allowed="frameworks that are named in the same order wherever they are named",
            )
        )
        return None
    return Dependencies(runtime=found[0].runtime, frameworks=tuple(by_name[name] for name in order))


def _reference_fault(
    entry: Entry, path: KeyPath, name: str, before: Sequence[str], declared: Declared
) -> Fault | None:
    """Return why the layer cannot name the framework ``name`` at ``path``, None where it can."""
    layer = entry.environment_name
    if name in before:
        problem, allowed, hint = "named twice", "each framework once", None
    elif name in declared.frameworks:
        return None
    elif entry.table.kind is LayerKind.FRAMEWORK and name == entry.name:
        problem, allowed, hint = "a framework cannot stand on itself", "another framework", None
    elif name in declared.all_frameworks:
        later = key_path_text(declared.all_frameworks[name].place.path)
        problem = f"unknown framework: it is declared later, at {later}"
        allowed = "frameworks declared before this layer"
        cycle = _cycle(entry.name, name, declared.all_frameworks)
        hint = f"{' -> '.join(cycle)} is a cycle" if cycle else "move that layer up"
    elif name in declared.runtimes:
        problem, allowed = "unknown framework: it is a runtime", "names of frameworks"
        hint = f'write runtime = "{name}"'
    else:
        return unknown_name(path, "framework", name, declared.frameworks, layer=layer)
    return Fault(
        path=path, problem=problem, layer=layer, found=shown(name), allowed=allowed, hint=hint
    )


def _cycle(start: str | None, first: str, frameworks: Mapping[str, Entry]) -> tuple[str, ...]:
    """Return the names on a way from ``start`` over ``first`` back to ``start``, () if none."""
    if start is None:
        return ()
    ways: list[tuple[str, ...]] = [(start, first)]
    seen = {first}
    while ways:
        way = ways.pop()
        entry = frameworks.get(way[-1])
        below = entry.table.frameworks if entry and isinstance(entry.table, LayeredTable) else None
        for name in below or ():
            if name == start:
                return (*way, name)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()


def _inconsistent_runtimes(
    entry: Entry, path: KeyPath, first: FrameworkSpec, other: FrameworkSpec
) -> Fault:
    return Fault(
        path=path,
        problem="inconsistent frameworks: they stand on different runtimes",
        layer=entry.environment_name,
        found=f"{shown(other.name)} on {shown(other.runtime.name)}",
        allowed=f"frameworks on {shown(first.runtime.name)}, as {shown(first.name)} is",
    )
