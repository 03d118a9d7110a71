"""The OCI objects of a built stack: what `publish` writes and `push` sends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.oci.assemble import (
    Assembled,
    AssembledIndex,
    BaseImage,
    application_image,
    image_index,
    input_digest_tag,
    layer_artifact,
    stack_index,
)
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.spec.model import ApplicationSpec, LayerSpec, lower_layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.platforms import Platform

_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_TAG = 128
_SUFFIXES = {"zstd": "tar.zst", "gzip": "tar.gz"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StackObjects:
    """All objects of a stack.

    ``tags`` holds what has a name beside the stack's own tag: each layer artifact under its input
    digest, each application's image under the stack's tag and the application's name.
    """

    artifacts: tuple[Assembled, ...]
    images: tuple[Assembled, ...]
    image_indexes: tuple[AssembledIndex, ...]
    index: AssembledIndex
    tags: Mapping[str, str]
    """Tag to digest."""


def describe_layer(built: BuiltLayer) -> Layer:
    """Return a built layer as OCI objects tell of it."""
    request, lock = built.plan.request, built.plan.lock
    return Layer(
        description=LayerDescription(
            name=lock.layer.environment_name,
            kind=request.kind,
            install_target=request.install_target,
            lock_hash=lock.metadata.requirements_hash,
            input_digest=built.plan.input_digest,
            lock_version=lock.metadata.lock_version,
            requires=request.lower_targets,
            platform=request.platform,
            archive_name=f"{request.install_target}.{_SUFFIXES[request.compression]}",
            launch_module=request.modules.launch_module if request.modules else None,
        ),
        blob=built.blob,
    )


def assemble_stack(
    layers: Sequence[BuiltLayer], bases: Mapping[Platform, BaseImage], *, tag: str
) -> StackObjects:
    """Return the objects of a stack that will have the tag ``tag``.

    ``bases`` has the base image of each platform for which application images are made.
    """
    described = {
        (built.plan.layer.environment_name, built.plan.request.platform): describe_layer(built)
        for built in layers
    }
    artifacts = tuple(layer_artifact(layer.description, layer.blob) for layer in described.values())
    images: dict[str, list[Assembled]] = {}
    for built in layers:
        application, platform = built.plan.layer, built.plan.request.platform
        if not isinstance(application, ApplicationSpec) or platform not in bases:
            continue
        stacked = [
            described[below.environment_name, platform]
            for below in _lowest_first(application)
            if (below.environment_name, platform) in described
        ]
        if len(stacked) <= len(lower_layers(application)):
            continue  # an image without a layer that the application needs would not run
        image = application_image(bases[platform], stacked, application.launch_module_name)
        images.setdefault(application.name, []).append(image)
    image_indexes = {
        name: image_index([image.descriptor for image in of_platforms])
        for name, of_platforms in images.items()
    }
    all_images = tuple(image for of_platforms in images.values() for image in of_platforms)
    return StackObjects(
        artifacts=artifacts,
        images=all_images,
        image_indexes=tuple(image_indexes.values()),
        index=stack_index(
            [artifact.descriptor for artifact in artifacts],
            [image.descriptor for image in all_images],
        ),
        tags={
            **{
                input_digest_tag(layer.description.input_digest): artifact.descriptor.digest
                for layer, artifact in zip(described.values(), artifacts, strict=True)
            },
            **{
                application_tag(tag, name): index.descriptor.digest
                for name, index in image_indexes.items()
            },
        },
    )


def application_tag(tag: str, name: str) -> str:
    """Return the tag of an application's image: the stack's tag and the application's name.

    A name that cannot stand in a tag is written with hyphens, and told from others by a digest.
    """
    safe = _NOT_IN_TAGS.sub("-", name)
    if safe != name:
        safe = f"{safe}-{Digest.of_bytes(name.encode()).hex[:8]}"
    whole = f"{tag}-{safe}"
    if len(whole) <= _LONGEST_TAG:
        return whole
    return f"{whole[: _LONGEST_TAG - 9]}-{Digest.of_bytes(whole.encode()).hex[:8]}"


def _lowest_first(application: ApplicationSpec) -> list[LayerSpec]:
    return [*reversed(lower_layers(application)), application]
