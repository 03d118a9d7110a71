"""The platforms of a layer: declared or inherited, and never more than the layers below have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.platforms import Platform
from ocistacks.spec.faults import Fault, Findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.spec.entries import Entry
    from ocistacks.spec.model import LayerSpec


def narrowed_platforms(
    entry: Entry,
    lower: Sequence[LayerSpec],
    excluded: Mapping[str, Sequence[Platform]],
    findings: Findings,
) -> tuple[Platform, ...]:
    """Return the layer's platforms, each once, in the order of the Platform class.

    ``lower`` are the layers that it stands on; ``excluded`` has by environment name the platforms
    that `exclude_platforms` leaves out of a layer. A layer above one that is switched off (one
    without platforms) is off too, whatever it declares.
    """
    possible = tuple(
        platform for platform in Platform if all(platform in below.platforms for below in lower)
    )
    declared = entry.table.platforms
    left_out = excluded.get(entry.environment_name, ())
    if any(not below.platforms for below in lower):
        return ()
    if declared is None and not possible:
        findings.warn(entry.place.path, f"{_no_common_platform(lower)}, so the layer is left out")
    for position, platform in enumerate(declared or ()):
        if platform not in possible:
            findings.add(
                Fault(
                    path=entry.place.at("platforms", position),
                    problem="target platform not supported by lower layers",
                    layer=entry.environment_name,
                    found=repr(platform.value),
                    allowed=", ".join(possible) or _no_common_platform(lower),
                    hint="; ".join(
                        _lacks(below, platform, excluded)
                        for below in lower
                        if platform not in below.platforms
                    ),
                )
            )
    kept = possible if declared is None else declared
    return tuple(p for p in possible if p in kept and p not in left_out)


def _lacks(below: LayerSpec, platform: Platform, excluded: Mapping[str, Sequence[Platform]]) -> str:
    name = below.environment_name
    if platform in excluded.get(name, ()):
        return f"exclude_platforms leaves {platform} out of {name}"
    return f"{name} is for {', '.join(below.platforms)} only"


def _no_common_platform(lower: Sequence[LayerSpec]) -> str:
    names = ", ".join(below.environment_name for below in lower)
    return f"the layers below ({names}) have no platform in common"
