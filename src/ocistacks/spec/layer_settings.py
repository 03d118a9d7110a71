"""What `[tool.ocistacks.layers]` says of single layers: platforms left out, and variants.

venvstacks does not read it, so a file that has it stays one that venvstacks accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ocistacks.platforms import Platform
from ocistacks.spec.faults import Fault, Findings, KeyPath, shown, unknown_name
from ocistacks.spec.names import name_problem
from ocistacks.spec.validation import validated

if TYPE_CHECKING:
    from collections.abc import Collection

LAYERS_KEY = "layers"
LAYERS_PATH: KeyPath = ("tool", "ocistacks", LAYERS_KEY)

FIXED_FIELDS = ("name", "runtime", "frameworks")
"""The fields of a layer that its variants have in common."""

_EXCLUDED = Field(
    default=(),
    description="Platforms that the layer, and all above it, is not built for; all others stay.",
)


class VariantSettings(BaseModel):
    """One variant; besides what is here it has fields of the layer, which ``model_extra`` holds."""

    model_config = ConfigDict(frozen=True, extra="allow")

    exclude_platforms: tuple[Platform, ...] = _EXCLUDED


class LayerSettings(BaseModel):
    """The settings of one layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exclude_platforms: tuple[Platform, ...] = _EXCLUDED
    variants: Mapping[str, VariantSettings] = Field(
        default_factory=dict,
        description="The layer's variants by name, each with the fields in which it differs.",
    )


def read_layer_settings(
    table: object, layers: Collection[str], findings: Findings
) -> dict[str, LayerSettings]:
    """Return the settings of each layer by its environment name; ``table`` is as written.

    ``layers`` are the environment names of the layers that the file declares.
    """
    if not isinstance(table, Mapping):
        findings.add(
            Fault(path=LAYERS_PATH, problem="wrong type", found=shown(table), allowed="a table")
        )
        return {}
    read: dict[str, LayerSettings] = {}
    for name, raw in table.items():
        path = (*LAYERS_PATH, name)
        if name not in layers:
            findings.add(unknown_name(path, "layer", name, layers))
        settings, faults = validated(LayerSettings, raw, path, layer=name, nested=VariantSettings)
        findings.faults.extend(faults)
        if settings is not None:
            _check_variants(settings, path, name, findings)
            read[name] = settings
    return read


def _check_variants(settings: LayerSettings, path: KeyPath, layer: str, findings: Findings) -> None:
    for variant, given in settings.variants.items():
        here = (*path, "variants", variant)
        problem = name_problem(variant)
        if problem is not None:
            findings.add(
                Fault(
                    path=here,
                    problem=f"the variant's name {problem}",
                    layer=layer,
                    found=shown(variant),
                    allowed="a name that can be the end of a folder's name",
                )
            )
        for key in FIXED_FIELDS:
            if key in (given.model_extra or {}):
                findings.add(
                    Fault(
                        path=(*here, key),
                        problem="a variant cannot change this",
                        layer=layer,
                        allowed="fields in which the variants of one layer may differ",
                        hint="declare a layer of its own, or give the layer below variants",
                    )
                )
