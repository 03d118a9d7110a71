"""The layer artifacts that hang on a stack, or that a reference names alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.oci.description import LayerDescription, is_layer_artifact
from ocistacks.oci.graph import read_graph
from ocistacks.oci.layer_artifact import checked_artifact, read_configuration
from ocistacks.registry.model import Manifest, PlatformObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.digests import Digest
    from ocistacks.oci.graph import GraphManifest, ObjectGraph
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource

_PARALLEL = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedArtifact:
    """A layer artifact: its manifest's digest, what it says about itself, and its blob."""

    digest: Digest
    description: LayerDescription
    blob: Descriptor


def listed_artifacts(source: ObjectSource, root: Descriptor) -> tuple[ListedArtifact, ...]:
    """Return the layer artifacts below ``root``, in their order.

    Raises:
        DigestError, NotFoundError, TransferError, UnsafeContentError: they cannot be read.
    """
    with ThreadPoolExecutor(_PARALLEL) as executor:
        return artifacts_of(source, read_graph(source, root, executor))


def artifacts_of(source: ObjectSource, graph: ObjectGraph) -> tuple[ListedArtifact, ...]:
    """Return the layer artifacts of a graph; those for platforms that stacks do not know are not.

    Raises:
        TransferError, UnsafeContentError: an artifact's annotations make no sense.
    """
    found: list[ListedArtifact] = []
    for manifest, descriptor in self_described(graph):
        if not is_layer_artifact(descriptor):
            continue
        where = source.describe(manifest.descriptor)
        document, blob = checked_artifact(manifest.document, where=where)
        platform = platform_of(source, document, descriptor)
        if platform is not None:
            description = LayerDescription.from_annotations(
                descriptor.annotations or {}, platform, where=where
            )
            found.append(
                ListedArtifact(digest=descriptor.digest, description=description, blob=blob)
            )
    return tuple(found)


def self_described(graph: ObjectGraph) -> Iterator[tuple[GraphManifest, Descriptor]]:
    """Yield images and artifacts with descriptors that hold what they say about themselves.

    What an index says of them is no more than a copy of that, which a root alone does not have.
    """
    for manifest in graph.manifests:
        document = manifest.document
        if isinstance(document, Manifest):
            said = {"artifact_type": document.artifact_type, "annotations": document.annotations}
            yield manifest, manifest.descriptor.model_copy(update=said)


def platform_of(
    source: ObjectSource, manifest: Manifest, descriptor: Descriptor
) -> Platform | None:
    """Return the platform that an index or else the configuration tells."""
    if descriptor.platform is not None:
        return descriptor.platform.platform()
    configuration = read_configuration(source, manifest, where=source.describe(descriptor))
    return PlatformObject(architecture=configuration.architecture, os=configuration.os).platform()
