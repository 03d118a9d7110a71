"""The platforms of a layer: declared or inherited, and never more than the layers below have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.platforms import Platform
from ocistacks.spec.faults import Fault, Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.spec.entries import Entry
    from ocistacks.spec.model import LayerSpec


def narrowed_platforms(
    entry: Entry, lower: Sequence[LayerSpec], findings: Findings
) -> tuple[Platform, ...]:
    """Return the layer's platforms, each once, in the order of the Platform class.

    ``lower`` are the layers that it stands on. A layer above one that is switched off (one without
    platforms) is off too, whatever it declares.
    """
    possible = tuple(
        platform for platform in Platform if all(platform in below.platforms for below in lower)
    )
    declared = entry.table.platforms
    if any(not below.platforms for below in lower):
        return ()
    if declared is None:
        if not possible:
            findings.warn(entry.path, f"{_no_common_platform(lower)}, so the layer is left out")
        return possible
    for position, platform in enumerate(declared):
        if platform not in possible:
            lacking = [below for below in lower if platform not in below.platforms]
            findings.add(
                Fault(
                    path=(*entry.path, "platforms", position),
                    problem="target platform not supported by lower layers",
                    layer=entry.environment_name,
                    found=repr(platform.value),
                    allowed=", ".join(possible) or _no_common_platform(lower),
                    hint="; ".join(
                        f"{below.environment_name} is for {', '.join(below.platforms)} only"
                        for below in lacking
                    ),
                )
            )
    return tuple(platform for platform in possible if platform in declared)


def _no_common_platform(lower: Sequence[LayerSpec]) -> str:
    names = ", ".join(below.environment_name for below in lower)
    return f"the layers below ({names}) have no platform in common"
