"""Fields of earlier venvstacks, still accepted with a warning (its docs, "Deprecated fields")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.spec.faults import Fault, Findings, shown
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.spec.place import Place

WITHOUT_EFFECT = "build_requirements"
RENAMED = {"fully_versioned_name": "python_implementation"}


def without_deprecated(
    table: Mapping[str, object], kind: LayerKind, place: Place, findings: Findings
) -> dict[str, object]:
    """Return ``table`` with today's field names; a value under both names is a fault."""
    current = dict(table)
    if WITHOUT_EFFECT in current:
        del current[WITHOUT_EFFECT]
        findings.warn(place.at(WITHOUT_EFFECT), "this field is deprecated and has no effect")
    for old, new in RENAMED.items():
        if kind is not LayerKind.RUNTIME or old not in current:
            continue
        value = current.pop(old)
        if new in current:
            findings.add(
                Fault(
                    path=place.at(old),
                    problem=f"the old name of {new}, and both are given",
                    found=shown(value),
                    allowed=f"{new} alone",
                )
            )
            continue
        current[new] = value
        findings.warn(place.at(old), f"this field is deprecated: its name is {new} now")
    return current
