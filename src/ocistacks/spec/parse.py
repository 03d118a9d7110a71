"""From the content of a specification's file to the stack that it describes; opens no file."""

from __future__ import annotations

from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from ocistacks.errors import UsageError
from ocistacks.spec.dependencies import Declared
from ocistacks.spec.entries import read_entries, written_layers
from ocistacks.spec.faults import Fault, Findings, shown
from ocistacks.spec.layer_settings import LAYERS_KEY, read_layer_settings
from ocistacks.spec.model import LayerSpec, StackSpec
from ocistacks.spec.names import LayerKind, nearest
from ocistacks.spec.resolve import (
    Surroundings,
    check_distinct_names,
    resolve_applications,
    resolve_frameworks,
    resolve_runtimes,
)
from ocistacks.spec.settings_sources import SETTINGS_PATH, resolve_settings
from ocistacks.spec.tables import ApplicationTable, FrameworkTable, RuntimeTable
from ocistacks.spec.targets import (
    DEFAULT_MACOSX_TARGET,
    MACOSX_TARGET_FORM,
    MACOSX_TARGET_VARIABLE,
    macosx_version,
)
from ocistacks.spec.uv_table import read_uv_table
from ocistacks.spec.variants import without_variants

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ocistacks.spec.modules import ListFolder

Layer = TypeVar("Layer", bound=LayerSpec)

_TOP_LEVEL = (*(kind.plural for kind in LayerKind), "tool")
_OWN_TOOLS = ("ocistacks", "uv")
# How near an unknown key must be to a known one to be taken for a slip of the pen: venvstacks
# ignores what it does not know, and other tools may keep tables of theirs in the file.
_SLIP = 0.8


def parse_stack(
    document: Mapping[str, object],
    uv_document: Mapping[str, object] | None,
    *,
    path: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, object],
    list_folder: ListFolder,
) -> StackSpec:
    """Return the stack that ``document``, the TOML content of the file ``path``, describes.

    ``uv_document`` is the content of venvstacks.uv.toml, None where there is none; ``path`` is
    absolute; ``overrides`` are settings given by flags; ``list_folder`` returns the names of what
    exists in a folder. Raises SpecError with all faults of the file, and UsageError where an
    environment variable or an override makes no sense.
    """
    findings = Findings()
    tool = _checked_top_level(document, findings)
    inline = _tool_table(tool, "uv", findings)
    uv_path = ("tool", "uv") if inline is not None or uv_document is None else ()
    uv = read_uv_table(
        inline if inline is not None else uv_document or {}, uv_path, environment, findings
    )
    settings_table = _tool_table(tool, SETTINGS_PATH[-1], findings) or {}
    layers = written_layers(document, findings)
    expansion = without_variants(
        layers,
        read_layer_settings(
            settings_table.get(LAYERS_KEY, {}),
            [layer.environment_name for layer in layers if layer.name is not None],
            findings,
        ),
        findings,
    )
    surroundings = Surroundings(
        folder=path.parent,
        indexes=uv.indexes,
        macosx_target=_default_macosx_target(environment),
        excluded=expansion.excluded,
        list_folder=list_folder,
    )
    runtime_entries = read_entries(expansion.layers, RuntimeTable, findings)
    framework_entries = read_entries(expansion.layers, FrameworkTable, findings)
    application_entries = read_entries(expansion.layers, ApplicationTable, findings)
    check_distinct_names((*runtime_entries, *framework_entries, *application_entries), findings)
    runtimes = resolve_runtimes(runtime_entries, surroundings, findings)
    frameworks = resolve_frameworks(framework_entries, runtimes, surroundings, findings)
    applications = resolve_applications(
        application_entries,
        Declared(
            runtimes=runtimes,
            frameworks=frameworks,
            all_frameworks={entry.name: entry for entry in framework_entries if entry.name},
        ),
        surroundings,
        findings,
    )
    settings = resolve_settings(settings_table, environment, overrides, findings)
    findings.refuse(path)
    resolved_frameworks = tuple(layer for layer in frameworks.values() if layer is not None)
    everything = chain(runtimes.values(), resolved_frameworks, applications)
    return StackSpec(
        path=path,
        folder=path.parent,
        runtimes=_switched_on(runtimes.values()),
        frameworks=_switched_on(resolved_frameworks),
        applications=_switched_on(applications),
        disabled=tuple(layer.environment_name for layer in everything if not layer.platforms),
        uv_configuration=MappingProxyType(dict(uv.configuration)),
        exclude_newer=uv.exclude_newer.moment if uv.exclude_newer is not None else None,
        settings=settings,
        warnings=tuple(findings.warnings),
    )


def _switched_on(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    return tuple(layer for layer in layers if layer.platforms)


def _checked_top_level(document: Mapping[str, object], findings: Findings) -> Mapping[str, object]:
    """Return the table `tool`; slips of the pen are faults, other unknown keys are warnings."""
    for key in document:
        if key in _TOP_LEVEL:
            continue
        near = nearest(key, _TOP_LEVEL, cutoff=_SLIP)
        if near is None:
            findings.warn((key,), "this is not read: the specification has no such table")
        else:
            findings.add(
                Fault(
                    path=(key,),
                    problem="unknown table",
                    found=shown(key),
                    allowed=", ".join(_TOP_LEVEL),
                    nearest=near,
                )
            )
    tool = document.get("tool", {})
    if not isinstance(tool, dict):
        findings.add(
            Fault(path=("tool",), problem="wrong type", found=shown(tool), allowed="a table")
        )
        return {}
    for key in tool:
        near = nearest(key, _OWN_TOOLS, cutoff=_SLIP)
        if near is not None and near != key:
            findings.add(
                Fault(
                    path=("tool", key),
                    problem="unknown table",
                    found=shown(key),
                    allowed=", ".join(_OWN_TOOLS),
                    nearest=near,
                )
            )
    return tool


def _tool_table(
    tool: Mapping[str, object], key: str | int, findings: Findings
) -> Mapping[str, object] | None:
    table = tool.get(str(key))
    if table is None or isinstance(table, dict):
        return table
    findings.add(
        Fault(path=("tool", key), problem="wrong type", found=shown(table), allowed="a table")
    )
    return {}


def _default_macosx_target(environment: Mapping[str, str]) -> str:
    target = environment.get(MACOSX_TARGET_VARIABLE, "").strip() or DEFAULT_MACOSX_TARGET
    try:
        macosx_version(target)
    except ValueError as error:
        raise UsageError(
            "An environment variable makes no sense.",
            where=MACOSX_TARGET_VARIABLE,
            found=shown(target),
            expected=MACOSX_TARGET_FORM,
        ) from error
    return target
