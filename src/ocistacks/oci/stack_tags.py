"""The tags that belong to a stack beside its own: of its layers, and of its applications.

A copy of a stack has them too, so that it can be used as a layer repository. They are found from
the stack's index alone: the indexes of application images are made again as `push` makes them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import DigestError
from ocistacks.oci import annotations as keys
from ocistacks.oci.assemble import AssembledIndex, image_index, input_digest_tag
from ocistacks.oci.assemble_stack import application_tag
from ocistacks.oci.description import is_layer_artifact
from ocistacks.registry.model import Index, Manifest, read_graph_document
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource


@dataclass(frozen=True, kw_only=True, slots=True)
class StackTags:
    """What else has a name when a stack has the tag it is copied to, and indexes made for that."""

    tags: Mapping[str, str]
    """Tag to digest."""
    indexes: tuple[AssembledIndex, ...] = ()


def stack_tags(source: ObjectSource, root: Descriptor, *, tag: str) -> StackTags:
    """Return the tags of the stack, or of the single layer artifact, that ``root`` is.

    ``tag`` is the stack's own tag where it goes. What is neither a stack nor a layer has none.

    Raises:
        DigestError, NotFoundError, TransferError, UnsafeContentError: it cannot be read.
    """
    where = source.describe(root)
    document = read_graph_document(source.read_manifest(root), root, where=where)
    if isinstance(document, Manifest):
        return StackTags(tags=_input_tags([_described_by_itself(root, document)]))
    images = images_by_application(document)
    indexes = {name: image_index(listed) for name, listed in images.items()}
    if not any(is_layer_artifact(entry) for entry in document.manifests):
        return StackTags(tags={})
    return StackTags(
        tags={
            **_input_tags([entry for entry in document.manifests if is_layer_artifact(entry)]),
            **{
                application_tag(tag, name): each.descriptor.digest for name, each in indexes.items()
            },
        },
        indexes=tuple(indexes.values()),
    )


def images_by_application(index: Index) -> dict[str, list[Descriptor]]:
    """Return the application images that an index lists, by the applications' names."""
    prefix = LayerKind.APPLICATION.prefix
    images: dict[str, list[Descriptor]] = {}
    for entry in index.manifests:
        name = entry.annotation(keys.LAYER_NAME)
        if name is not None and not is_layer_artifact(entry):
            images.setdefault(name.removeprefix(prefix), []).append(entry)
    return images


class WithIndexes:
    """A source with a few indexes more than it has."""

    def __init__(self, source: ObjectSource, indexes: tuple[AssembledIndex, ...]) -> None:
        self._source = source
        self._indexes = {index.descriptor.digest: index for index in indexes}

    def describe(self, descriptor: Descriptor) -> str:
        """Return how messages name an object (see ``ObjectSource``)."""
        return self._source.describe(descriptor)

    def resolve(self, target: str | None) -> Descriptor:
        """Return what a tag or digest names (see ``ObjectSource``)."""
        index = next((each for digest, each in self._indexes.items() if digest == target), None)
        return self._source.resolve(target) if index is None else index.descriptor

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Return a manifest's or index's bytes, verified."""
        index = self._indexes.get(descriptor.digest)
        return self._source.read_manifest(descriptor) if index is None else index.index

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks (see ``ObjectSource``)."""
        with self._source.open_blob(descriptor) as chunks:
            yield chunks


def _described_by_itself(root: Descriptor, manifest: Manifest) -> Descriptor:
    """Return the descriptor with what the manifest says about itself, as an index lists it."""
    return root.model_copy(
        update={"artifact_type": manifest.artifact_type, "annotations": manifest.annotations}
    )


def _input_tags(entries: list[Descriptor]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for entry in entries:
        try:
            input_digest = Digest(entry.annotation(keys.LAYER_INPUT_DIGEST) or "")
        except DigestError:
            continue  # an artifact of another tool has no input digest
        if is_layer_artifact(entry):
            tags[input_digest_tag(input_digest)] = entry.digest
    return tags
