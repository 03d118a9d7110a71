"""The layer tables of a file, each with its place, as far as they can be made sense of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.spec.deprecated import without_deprecated
from ocistacks.spec.faults import Fault, Findings, KeyPath, shown
from ocistacks.spec.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.spec.tables import LayerTable

# What a table that lacks a required field, or has it wrong, is read on with: it is refused in the
# end, but its other fields are checked first, so that all faults are told at once.
_STAND_INS: Mapping[str, object] = {
    "name": "unnamed",
    "requirements": (),
    "python_implementation": "cpython@3.0.0",
    "launch_module": "unknown",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One layer table: ``path`` is where it stands, ``faulty`` its fields that are stand-ins.

    ``name`` is None where no other layer can mean this one.
    """

    table: LayerTable
    path: KeyPath
    name: str | None
    faulty: frozenset[str]

    @property
    def environment_name(self) -> str:
        """What faults call the layer."""
        return self.table.kind.environment_name(self.name or self.table.name)


def read_entries(
    document: Mapping[str, object], model: type[LayerTable], findings: Findings
) -> tuple[Entry, ...]:
    """Return the layers of one kind, in declared order, and gather what is wrong with each."""
    key = model.kind.plural
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
        return ()
    entries = []
    for position, raw in enumerate(declared):
        if isinstance(raw, dict):
            entries.append(_entry(raw, model, (key, position), findings))
        else:
            findings.add(
                Fault(
                    path=(key, position),
                    problem="wrong type",
                    found=shown(raw),
                    allowed="a table",
                )
            )
    return tuple(entries)


def _entry(
    raw: Mapping[str, object], model: type[LayerTable], path: KeyPath, findings: Findings
) -> Entry:
    table = without_deprecated(raw, model.kind, path, findings)
    declared_name = table.get("name")
    name = declared_name if isinstance(declared_name, str) and declared_name else None
    layer = model.kind.environment_name(name) if name is not None else None
    read, faults = validated(model, table, path, layer=layer)
    if read is not None:
        return Entry(table=read, path=path, name=name, faulty=frozenset())
    findings.faults.extend(faults)
    faulty = frozenset(str(fault.path[len(path)]) for fault in faults)
    sound = {key: value for key, value in table.items() if key not in faulty}
    stand_ins = {
        key: value
        for key, value in _STAND_INS.items()
        if key in faulty and key in model.model_fields
    }
    return Entry(
        table=model.model_validate({**sound, **stand_ins}), path=path, name=name, faulty=faulty
    )
