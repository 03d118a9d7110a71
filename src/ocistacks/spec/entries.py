"""The layer tables of a file, each with its place, as far as they can be made sense of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.spec.deprecated import without_deprecated
from ocistacks.spec.faults import Fault, Findings, KeyPath, shown
from ocistacks.spec.place import Place
from ocistacks.spec.tables import TABLES, LayerTable
from ocistacks.spec.validation import validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.spec.names import LayerKind

# What a table that lacks a required field, or has it wrong, is read on with: it is refused in the
# end, but its other fields are checked first, so that all faults are told at once.
_STAND_INS: Mapping[str, object] = {
    "requirements": (),
    "python_implementation": "cpython@3.0.0",
    "launch_module": "unknown",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenLayer:
    """One layer table before its fields are checked."""

    kind: LayerKind
    table: Mapping[str, object]
    place: Place

    @property
    def name(self) -> str | None:
        """The layer's name, None where no other layer can mean this one."""
        name = self.table.get("name")
        return name if isinstance(name, str) and name else None

    @property
    def environment_name(self) -> str:
        """The layer's folder, or what it would be if the layer had a name."""
        return self.kind.environment_name(self.name or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One layer table that can be read: ``faulty`` are those of its fields that are stand-ins.

    ``name`` is None where no other layer can mean this one.
    """

    table: LayerTable
    place: Place
    name: str | None
    faulty: frozenset[str]

    @property
    def environment_name(self) -> str:
        """What faults call the layer."""
        return self.table.kind.environment_name(self.name or self.table.name)


def written_layers(document: Mapping[str, object], findings: Findings) -> tuple[WrittenLayer, ...]:
    """Return the tables of all layers, kind by kind, in declared order."""
    return tuple(layer for model in TABLES for layer in _of_kind(document, model.kind, findings))


def _of_kind(
    document: Mapping[str, object], kind: LayerKind, findings: Findings
) -> Iterable[WrittenLayer]:
    key = kind.plural
    declared = document.get(key, [])
    if not isinstance(declared, list):
        hint = f"write [[{key}]], not [{key}]" if isinstance(declared, dict) else None
        findings.add(
            Fault(
                path=(key,),
                problem="wrong type",
                found="a table" if isinstance(declared, dict) else shown(declared),
                allowed="an array of tables",
                hint=hint,
            )
        )
        return
    for position, raw in enumerate(declared):
        if isinstance(raw, dict):
            yield WrittenLayer(kind=kind, table=raw, place=Place(path=(key, position), own=raw))
        else:
            findings.add(
                Fault(
                    path=(key, position),
                    problem="wrong type",
                    found=shown(raw),
                    allowed="a table",
                )
            )


def read_entries(
    layers: Iterable[WrittenLayer], model: type[LayerTable], findings: Findings
) -> tuple[Entry, ...]:
    """Return the layers of ``model``'s kind, and gather what is wrong with each."""
    return tuple(_entry(layer, model, findings) for layer in layers if layer.kind is model.kind)


def _entry(layer: WrittenLayer, model: type[LayerTable], findings: Findings) -> Entry:
    table = without_deprecated(layer.table, model.kind, layer.place, findings)
    label = layer.environment_name if layer.name is not None else None
    read, faults = validated(model, table, (), layer=label)
    if read is not None:
        return Entry(table=read, place=layer.place, name=layer.name, faulty=frozenset())
    for fault in faults:
        findings.add(replace(fault, path=_path(layer.place, fault.path)))
    faulty = frozenset(str(fault.path[0]) for fault in faults)
    sound = {key: value for key, value in table.items() if key not in faulty}
    # Another layer may name this one; no two may be taken for the same.
    name = f"unnamed-{Digest.of_bytes((layer.name or '').encode()).hex}"
    stand_ins = {
        key: value
        for key, value in {"name": name, **_STAND_INS}.items()
        if key in faulty and key in model.model_fields
    }
    return Entry(
        table=model.model_validate({**sound, **stand_ins}),
        place=layer.place,
        name=layer.name,
        faulty=faulty,
    )


def _path(place: Place, inner: KeyPath) -> KeyPath:
    field, *rest = inner
    return place.name_path if field == "name" else place.at(str(field), *rest)
