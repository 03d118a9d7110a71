"""From layer tables to layers: references, platforms, indexes and modules, each checked."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ocistacks.spec.dependencies import Declared, Dependencies, find_dependencies
from ocistacks.spec.faults import Fault, Findings, key_path_text, shown
from ocistacks.spec.indexes import check_index_names, merged_indexes
from ocistacks.spec.model import ApplicationSpec, FrameworkSpec, LayerSpec, RuntimeSpec
from ocistacks.spec.modules import (
    check_module_names,
    check_modules_exist,
    module_path,
    support_module_order,
)
from ocistacks.spec.narrowing import narrowed_platforms
from ocistacks.spec.tables import (
    PYTHON_IMPLEMENTATION_FORM,
    ApplicationTable,
    RuntimeTable,
    parsed_requirement,
)
from ocistacks.spec.targets import normalised_linux_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.platforms import Platform
    from ocistacks.spec.entries import Entry
    from ocistacks.spec.modules import ListFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a layer's meaning depends on besides its own table and other layers.

    ``indexes`` are the named indexes of uv's settings, ``macosx_target`` the default, ``excluded``
    the platforms that a layer is not for, by environment name, and ``list_folder`` returns the
    names of what exists in a folder, () for a folder that does not.
    """

    folder: Path
    indexes: Sequence[str]
    macosx_target: str
    excluded: Mapping[str, Sequence[Platform]]
    list_folder: ListFolder


def resolve_runtimes(
    entries: Sequence[Entry], surroundings: Surroundings, findings: Findings
) -> dict[str, RuntimeSpec]:
    """Return the runtimes by name, those that are switched off too, without platforms."""
    runtimes: dict[str, RuntimeSpec] = {}
    for entry in entries:
        if not isinstance(entry.table, RuntimeTable):
            raise TypeError(type(entry.table).__name__)
        platforms = narrowed_platforms(entry, (), surroundings.excluded, findings)
        common = _common_fields(entry, (), platforms, surroundings, findings)
        runtime = RuntimeSpec(python_implementation=entry.table.python_implementation, **common)
        if platforms and runtime.implementation != "cpython":
            findings.add(_no_pypy(entry, runtime))
        if entry.name is not None:
            runtimes.setdefault(entry.name, runtime)
    return runtimes


def resolve_frameworks(
    entries: Sequence[Entry],
    runtimes: dict[str, RuntimeSpec],
    surroundings: Surroundings,
    findings: Findings,
) -> dict[str, FrameworkSpec | None]:
    """Return the frameworks by name, None for those that cannot be resolved."""
    by_name = {entry.name: entry for entry in reversed(entries) if entry.name is not None}
    frameworks: dict[str, FrameworkSpec | None] = {}
    for entry in entries:
        declared = Declared(runtimes=runtimes, frameworks=frameworks, all_frameworks=by_name)
        below = find_dependencies(entry, declared, findings)
        common = _fields_above(entry, below, surroundings, findings)
        framework = (
            FrameworkSpec(runtime=below.runtime, frameworks=below.frameworks, **common)
            if below is not None
            else None
        )
        if entry.name is not None:
            frameworks.setdefault(entry.name, framework)
    return frameworks


def resolve_applications(
    entries: Sequence[Entry],
    declared: Declared,
    surroundings: Surroundings,
    findings: Findings,
) -> tuple[ApplicationSpec, ...]:
    """Return the applications that can be resolved."""
    applications: list[ApplicationSpec] = []
    for entry in entries:
        table = entry.table
        if not isinstance(table, ApplicationTable):
            raise TypeError(type(table).__name__)
        below = find_dependencies(entry, declared, findings)
        common = _fields_above(entry, below, surroundings, findings)
        check_module_names(entry, surroundings.folder, findings)
        if common["platforms"] or not _is_switched_off(entry, below, surroundings):
            check_modules_exist(entry, surroundings.folder, surroundings.list_folder, findings)
        if below is not None:
            applications.append(
                ApplicationSpec(
                    runtime=below.runtime,
                    frameworks=below.frameworks,
                    launch_module=module_path(surroundings.folder, table.launch_module),
                    support_modules=tuple(
                        module_path(surroundings.folder, text)
                        for text in support_module_order(table)
                    ),
                    **common,
                )
            )
    return tuple(applications)


def _is_switched_off(entry: Entry, below: Dependencies | None, surroundings: Surroundings) -> bool:
    """Whether a layer without platforms is to have none, so that it may lack its modules."""
    return below is not None and (
        not entry.table.platforms
        or bool(surroundings.excluded.get(entry.environment_name))
        or any(not layer.platforms for layer in below.nearest)
    )


def check_distinct_names(entries: Sequence[Entry], findings: Findings) -> None:
    """Gather a fault for each layer whose environment name another layer has."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name is None:
            continue
        other = first.setdefault(entry.environment_name, entry)
        if other is not entry:
            findings.add(
                Fault(
                    path=entry.place.name_path,
                    problem="names must be distinct",
                    found=f"{shown(entry.name)}, whose folder {shown(entry.environment_name)} is "
                    f"that of {key_path_text(other.place.layer_path)} too",
                    allowed="a name that gives the layer a folder of its own",
                )
            )


def _no_pypy(entry: Entry, runtime: RuntimeSpec) -> Fault:
    return Fault(
        path=entry.place.at("python_implementation"),
        problem="PyPy is not supported",
        layer=entry.environment_name,
        found=shown(runtime.python_implementation),
        allowed=PYTHON_IMPLEMENTATION_FORM,
        hint="platforms = [] switches the runtime off, and all that stands on it",
    )


def _fields_above(
    entry: Entry, below: Dependencies | None, surroundings: Surroundings, findings: Findings
) -> dict[str, Any]:
    lower = below.nearest if below is not None else ()
    platforms = (
        () if below is None else narrowed_platforms(entry, lower, surroundings.excluded, findings)
    )
    return _common_fields(entry, lower, platforms, surroundings, findings)


def _common_fields(
    entry: Entry,
    lower: Sequence[LayerSpec],
    platforms: tuple[Platform, ...],
    surroundings: Surroundings,
    findings: Findings,
) -> dict[str, Any]:
    table = entry.table
    check_index_names(entry, surroundings.indexes, findings)
    indexes = merged_indexes(entry, lower, findings)
    return {
        "name": table.name,
        "requirements": tuple(parsed_requirement(text) for text in table.requirements),
        "declared_requirements": table.requirements,
        "platforms": platforms,
        "versioned": table.versioned,
        "linux_target": normalised_linux_target(table.linux_target),
        "declared_linux_target": table.linux_target,
        "macosx_target": table.macosx_target or surroundings.macosx_target,
        "dynlib_exclude": table.dynlib_exclude,
        "package_indexes": MappingProxyType(indexes),
        "index_overrides": MappingProxyType(dict(table.index_overrides)),
        "priority_indexes": table.priority_indexes,
    }
