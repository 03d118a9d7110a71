"""Which index a layer's packages come from, and whether layers that meet agree about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.spec.faults import Fault, Findings, KeyPath, key_path_text, shown, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.spec.entries import Entry
    from ocistacks.spec.model import LayerSpec


def check_index_names(entry: Entry, indexes: Sequence[str], findings: Findings) -> None:
    """Gather a fault for each index that the layer names and `[[tool.uv.index]]` does not."""
    table, place, layer = entry.table, entry.place, entry.environment_name
    for package, index in table.package_indexes.items():
        if index not in indexes:
            where = place.at("package_indexes", package)
            findings.add(unknown_name(where, "package index", index, indexes, layer=layer))
    for position, index in enumerate(table.priority_indexes):
        if index not in indexes:
            where = place.at("priority_indexes", position)
            findings.add(unknown_name(where, "package index", index, indexes, layer=layer))


def merged_indexes(entry: Entry, lower: Sequence[LayerSpec], findings: Findings) -> dict[str, str]:
    """Return the layer's own indexes and those of the layers below, by normalised package name.

    ``lower`` is nearest first, and the nearest wins. Each disagreement is a fault unless
    `index_overrides` says that the loser's index stands for the winner's.
    """
    table, place, layer = entry.table, entry.place, entry.environment_name
    merged: dict[str, str] = {}
    origins: dict[str, str] = {}
    for below in lower:
        for package, index in below.package_indexes.items():
            winner = merged.setdefault(package, index)
            origin = origins.setdefault(package, below.environment_name)
            if winner not in (index, table.index_overrides.get(index)):
                findings.add(
                    _disagreement(
                        place.at("frameworks"),
                        layer,
                        package,
                        (below.environment_name, index),
                        (origin, winner),
                    )
                )
    for package, index in table.package_indexes.items():
        inherited = merged.get(package, index)
        if index not in (inherited, table.index_overrides.get(inherited)):
            findings.add(
                _disagreement(
                    place.at("package_indexes", package),
                    layer,
                    package,
                    (origins[package], inherited),
                    (layer, index),
                )
            )
    return {**merged, **table.package_indexes}


def _disagreement(
    path: KeyPath, layer: str, package: str, loser: tuple[str, str], winner: tuple[str, str]
) -> Fault:
    override = f'{{ {key_path_text((loser[1],))} = "{winner[1]}" }}'
    return Fault(
        path=path,
        problem=f"inconsistent package index override for {package!r}",
        layer=layer,
        found=f"{shown(winner[1])} by {winner[0]}, {shown(loser[1])} by {loser[0]}",
        allowed="one index for each package in all layers that meet",
        hint=f"to accept it, write index_overrides = {override}",
    )
