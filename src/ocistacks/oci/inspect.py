"""Inspecting what a reference names: everything is told by manifests, no layer's blob is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ocistacks.errors import NotFoundError
from ocistacks.oci import annotations as keys
from ocistacks.oci.assemble import image_index
from ocistacks.oci.assemble_stack import application_tag
from ocistacks.oci.description import is_layer_artifact
from ocistacks.oci.graph import read_graph
from ocistacks.oci.inspection import (
    ApplicationReport,
    BlobReport,
    ImageReport,
    Inspection,
    LayerReport,
)
from ocistacks.oci.listing import artifacts_of, platform_of, self_described
from ocistacks.oci.stack_tags import images_by_application
from ocistacks.registry.model import Index, Manifest
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.oci.description import LayerDescription
    from ocistacks.oci.graph import ObjectGraph
    from ocistacks.oci.inspection import InspectedKind
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource

_PARALLEL = 4


def inspect(source: ObjectSource, root: Descriptor, *, tag: str | None) -> Inspection:
    """Return what ``root`` holds; ``tag`` is the one by which it was named, if it was by any.

    Raises:
        DigestError, NotFoundError, TransferError, UnsafeContentError: it cannot be read.
    """
    with ThreadPoolExecutor(_PARALLEL) as executor:
        graph = read_graph(source, root, executor)
    layers = _layers(source, graph)
    images = _images(source, graph)
    return Inspection(
        kind=_kind(graph.manifests[-1].document, layers),
        digest=root.digest,
        applications=_applications(layers, images, _image_tags(source, graph, tag)),
        layers=layers,
        images=images,
        size=sum({layer.blob.digest: layer.blob.size for layer in layers}.values()),
        size_without_sharing=sum(
            layer.blob.size * max(1, len(layer.applications)) for layer in layers
        ),
    )


def _kind(document: Manifest | Index, layers: tuple[LayerReport, ...]) -> InspectedKind:
    if isinstance(document, Manifest):
        return "layer" if layers else "image"
    return "stack" if layers else "index"


def _layers(source: ObjectSource, graph: ObjectGraph) -> tuple[LayerReport, ...]:
    artifacts = artifacts_of(source, graph)
    descriptions = [artifact.description for artifact in artifacts]
    return tuple(
        LayerReport(
            digest=artifact.digest,
            description=artifact.description,
            blob=BlobReport.of(artifact.blob),
            applications=_users(artifact.description, descriptions),
        )
        for artifact in artifacts
    )


def _images(source: ObjectSource, graph: ObjectGraph) -> tuple[ImageReport, ...]:
    return tuple(
        ImageReport(
            digest=manifest.descriptor.digest,
            application=_application_name(descriptor.annotation(keys.LAYER_NAME)),
            launch_module=descriptor.annotation(keys.APPLICATION_LAUNCH_MODULE),
            platform=platform_of(source, manifest.document, descriptor),
            base_name=descriptor.annotation(keys.BASE_NAME),
            base_digest=descriptor.annotation(keys.BASE_DIGEST),
            blobs=tuple(BlobReport.of(blob) for blob in manifest.document.layers),
        )
        for manifest, descriptor in self_described(graph)
        if isinstance(manifest.document, Manifest) and not is_layer_artifact(descriptor)
    )


def _users(layer: LayerDescription, descriptions: Iterable[LayerDescription]) -> tuple[str, ...]:
    return tuple(
        name
        for each in descriptions
        if each.kind == LayerKind.APPLICATION and each.platform is layer.platform
        if layer.install_target in {each.install_target, *each.requires}
        if (name := _application_name(each.name)) is not None
    )


def _applications(
    layers: tuple[LayerReport, ...], images: tuple[ImageReport, ...], image_tags: Mapping[str, str]
) -> tuple[ApplicationReport, ...]:
    modules: dict[str, str | None] = {}
    platforms: dict[str, dict[str, None]] = {}
    for layer in layers:
        name = _application_name(layer.description.name)
        if layer.description.kind == LayerKind.APPLICATION and name is not None:
            modules.setdefault(name, layer.description.launch_module)
            platforms.setdefault(name, {})[layer.description.platform] = None
    for image in images:
        if image.application is not None:
            modules.setdefault(image.application, image.launch_module)
            platforms.setdefault(image.application, {})[image.platform or "unknown"] = None
    return tuple(
        ApplicationReport(
            name=name,
            launch_module=module,
            image_tag=image_tags.get(name),
            platforms=tuple(platforms[name]),
        )
        for name, module in modules.items()
    )


def _image_tags(source: ObjectSource, graph: ObjectGraph, tag: str | None) -> dict[str, str]:
    """Return the tags of the applications' images that are there and name these images."""
    document = graph.manifests[-1].document
    if tag is None or not isinstance(document, Index):
        return {}
    found: dict[str, str] = {}
    for name, images in images_by_application(document).items():
        image_tag = application_tag(tag, name)
        try:
            resolved = source.resolve(image_tag)
        except NotFoundError:
            continue
        if resolved.digest == image_index(images).descriptor.digest:
            found[name] = image_tag
    return found


def _application_name(environment_name: str | None) -> str | None:
    if environment_name is None:
        return None
    return environment_name.removeprefix(LayerKind.APPLICATION.prefix)
