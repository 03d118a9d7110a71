"""From layers with variants to layers: each variant becomes a layer of its own.

What stands on a layer with variants has the same ones, unless it chooses from them itself. Where a
layer stands on several with variants, those of one name go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.spec.entries import WrittenLayer
from ocistacks.spec.faults import Fault, Findings, shown
from ocistacks.spec.layer_settings import FIXED_FIELDS, LAYERS_PATH, LayerSettings
from ocistacks.spec.names import LayerKind, name_problem
from ocistacks.spec.place import Place, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ocistacks.platforms import Platform

_NONE = LayerSettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """Layers without variants; ``excluded`` has by environment name what platforms they lack."""

    layers: tuple[WrittenLayer, ...]
    excluded: Mapping[str, tuple[Platform, ...]]


def without_variants(
    layers: Sequence[WrittenLayer], settings: Mapping[str, LayerSettings], findings: Findings
) -> Expansion:
    """Return ``layers``, in declared order, with a layer for each variant in place of one for all.

    ``settings`` are by environment name.
    """
    own = {name: _with_sound_names(given.variants) for name, given in settings.items()}
    # What a layer declared later inherits is not known yet; it cannot be stood on either.
    variants = dict(own)
    expanded: list[WrittenLayer] = []
    excluded: dict[str, tuple[Platform, ...]] = {}
    for layer in layers:
        name = layer.environment_name
        below = {lower: variants[lower] for lower in _lower(layer) if variants.get(lower)}
        chosen = _chosen(layer, own.get(name, ()), below, findings)
        variants[name] = chosen if layer.name is not None else ()
        given = settings.get(name, _NONE)
        for variant in variants[name]:
            one = _variant(layer, variant, given, below)
            expanded.append(one)
            more = given.variants[variant].exclude_platforms if variant in given.variants else ()
            excluded[one.environment_name] = (*given.exclude_platforms, *more)
        if not variants[name]:
            expanded.append(_standing_on(layer, None, below))
            excluded[name] = given.exclude_platforms
    return Expansion(layers=tuple(expanded), excluded=excluded)


def _with_sound_names(variants: Iterable[str]) -> tuple[str, ...]:
    """Return the variants that can be layers; the others are faults already."""
    return tuple(variant for variant in variants if name_problem(variant) is None)


def _lower(layer: WrittenLayer) -> tuple[str, ...]:
    """Return the environment names of the layers that ``layer`` names, as far as they are names."""
    runtime, frameworks = layer.table.get("runtime"), layer.table.get("frameworks")
    named = frameworks if isinstance(frameworks, list) else []
    return (
        *(LayerKind.RUNTIME.environment_name(name) for name in (runtime,) if isinstance(name, str)),
        *(LayerKind.FRAMEWORK.environment_name(name) for name in named if isinstance(name, str)),
    )


def _chosen(
    layer: WrittenLayer,
    own: Sequence[str],
    below: Mapping[str, tuple[str, ...]],
    findings: Findings,
) -> tuple[str, ...]:
    """Return the variants that ``layer`` has: its own, else those of the layers below."""
    for variant in own:
        for lower, theirs in below.items():
            if variant not in theirs:
                findings.add(
                    Fault(
                        path=(*LAYERS_PATH, layer.environment_name, "variants", variant),
                        problem="a layer below has no such variant",
                        layer=layer.environment_name,
                        found=shown(variant),
                        allowed=f"{', '.join(theirs)}, which {lower} has",
                    )
                )
    distinct = dict.fromkeys(frozenset(theirs) for theirs in below.values())
    if own or not below:
        return tuple(own)
    if len(distinct) > 1:
        findings.add(
            Fault(
                path=layer.place.at("frameworks"),
                problem="the layers below have different variants",
                layer=layer.environment_name,
                found="; ".join(f"{lower} has {', '.join(own)}" for lower, own in below.items()),
                allowed="layers with the same variants, or a choice of those they share",
                hint=f"choose with [tool.ocistacks.layers.{layer.environment_name}.variants.NAME]",
            )
        )
    return next(iter(below.values()))


def _variant(
    layer: WrittenLayer,
    variant: str,
    settings: LayerSettings,
    below: Mapping[str, tuple[str, ...]],
) -> WrittenLayer:
    place = layer.place
    if variant in settings.variants:
        extra = settings.variants[variant].model_extra or {}
        place = Place(
            path=place.path,
            own=place.own,
            variant_path=(*LAYERS_PATH, layer.environment_name, "variants", variant),
            variant={key: value for key, value in extra.items() if key not in FIXED_FIELDS},
        )
    table = {**merged(layer.table, place.variant), "name": f"{layer.name}-{variant}"}
    return _standing_on(WrittenLayer(kind=layer.kind, table=table, place=place), variant, below)


def _standing_on(
    layer: WrittenLayer, variant: str | None, below: Mapping[str, tuple[str, ...]]
) -> WrittenLayer:
    """Return ``layer`` on its variant of each layer below.

    Where one has no such variant, which is a fault already, its first stands in.
    """

    def renamed(name: object, kind: LayerKind) -> object:
        theirs = below.get(kind.environment_name(name)) if isinstance(name, str) else None
        if theirs is None:
            return name
        return f"{name}-{variant if variant in theirs else theirs[0]}"

    table = dict(layer.table)
    if "runtime" in table:
        table["runtime"] = renamed(table["runtime"], LayerKind.RUNTIME)
    frameworks = table.get("frameworks")
    if isinstance(frameworks, list):
        table["frameworks"] = [renamed(name, LayerKind.FRAMEWORK) for name in frameworks]
    return WrittenLayer(kind=layer.kind, table=table, place=layer.place)
