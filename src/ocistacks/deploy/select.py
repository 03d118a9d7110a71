"""Which layers of a stack index a deployment takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import NotFoundError
from ocistacks.oci.description import LayerDescription, is_layer_artifact
from ocistacks.spec.names import LayerKind, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor, Index


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedLayer:
    """A layer artifact as a stack index lists it."""

    descriptor: Descriptor
    description: LayerDescription


def listed_layers(index: Index, platform: Platform, *, where: str) -> tuple[ListedLayer, ...]:
    """Return the layer artifacts of a stack index for one platform.

    Raises:
        NotFoundError: there are none, or none for that platform.
        TransferError, UnsafeContentError: a layer's annotations make no sense.
    """
    artifacts = [entry for entry in index.manifests if is_layer_artifact(entry)]
    matching = [entry for entry in artifacts if entry.platform and entry.platform.names(platform)]
    if not matching:
        offered = {entry.platform.platform() for entry in artifacts if entry.platform}
        raise NotFoundError(
            "This reference has no layers for the platform."
            if artifacts
            else "This reference names no stack.",
            where=where,
            found=", ".join(sorted(name for name in offered if name)) or "no layer artifacts",
            expected=platform if artifacts else "the index that `ocistacks push` writes",
        )
    return tuple(
        ListedLayer(
            descriptor=entry,
            description=LayerDescription.from_annotations(
                entry.annotations or {}, platform, where=where
            ),
        )
        for entry in matching
    )


def select_layers(
    layers: Sequence[ListedLayer], applications: Sequence[str], *, where: str
) -> tuple[ListedLayer, ...]:
    """Return the layers of the named applications with all that they stand on, or all layers.

    An application is named as in the specification, or by its environment name.

    Raises:
        NotFoundError: there is no such application, or a layer that one needs is missing.
    """
    if not applications:
        return tuple(layers)
    wanted: set[str] = set()
    for name in applications:
        application = find_application(layers, name, where=where)
        wanted |= {application.description.install_target, *application.description.requires}
    present = {layer.description.install_target for layer in layers}
    if missing := wanted - present:
        raise NotFoundError(
            "The stack lacks layers that the application needs.",
            where=where,
            found=", ".join(sorted(present)),
            expected=", ".join(sorted(missing)),
            hint="push the whole stack again",
        )
    return tuple(layer for layer in layers if layer.description.install_target in wanted)


def find_application(layers: Sequence[ListedLayer], name: str, *, where: str) -> ListedLayer:
    """Return the application that is called ``name``; NotFoundError if there is none."""
    prefix = LayerKind.APPLICATION.prefix
    applications = {
        layer.description.name.removeprefix(prefix): layer
        for layer in layers
        if layer.description.kind == LayerKind.APPLICATION
    }
    found = applications.get(name) or applications.get(name.removeprefix(prefix))
    if found is None:
        near = nearest(name, applications)
        raise NotFoundError(
            "The stack has no such application.",
            where=where,
            found=name,
            expected=", ".join(sorted(applications)) or "no application: it has none",
            hint=f"did you mean {near}?" if near else None,
        )
    return found
