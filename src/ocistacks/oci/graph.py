"""The objects that hang on an index or manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import UnsafeContentError
from ocistacks.registry.model import Index, Manifest, read_graph_document

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ocistacks.digests import Digest
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource

_MOST_MANIFESTS = 5000
_DEEPEST_INDEX = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphManifest:
    """A manifest or index with its bytes, and the digests of the manifests that it lists."""

    descriptor: Descriptor
    content: bytes
    document: Manifest | Index


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectGraph:
    """All that belongs to one root, each object once.

    ``manifests`` come after the manifests that they list, so the root is the last;
    ``blobs`` are layers and configurations, in the order in which they are found.
    """

    manifests: tuple[GraphManifest, ...]
    blobs: tuple[Descriptor, ...]

    def merged(self, other: ObjectGraph) -> ObjectGraph:
        """Return both graphs as one, with the root of ``other`` last."""
        manifests = {each.descriptor.digest: each for each in (*self.manifests, *other.manifests)}
        manifests[other.root.digest] = manifests.pop(other.root.digest)
        blobs = {blob.digest: blob for blob in (*self.blobs, *other.blobs)}
        return ObjectGraph(manifests=tuple(manifests.values()), blobs=tuple(blobs.values()))

    @property
    def root(self) -> Descriptor:
        """The root's descriptor."""
        return self.manifests[-1].descriptor

    def below(self, top: Digest) -> frozenset[Digest]:
        """Return the digests of all manifests that ``top`` lists, directly or not."""
        by_digest = {manifest.descriptor.digest: manifest for manifest in self.manifests}
        found: set[Digest] = set()
        waiting = [top]
        while waiting:
            children = {child.digest for child in _listed(by_digest[waiting.pop()])} - found
            found |= children
            waiting += children
        return frozenset(found)


def read_graph(source: ObjectSource, root: Descriptor, executor: Executor) -> ObjectGraph:
    """Read the manifests below ``root``, those of one level at the same time.

    Raises:
        DigestError, NotFoundError, TransferError: a manifest cannot be read, or is none.
        UnsafeContentError: a manifest is ambiguous, or the graph is too deep or too large.
    """

    def read(descriptor: Descriptor) -> GraphManifest:
        content = source.read_manifest(descriptor)
        document = read_graph_document(content, descriptor, where=source.describe(descriptor))
        return GraphManifest(descriptor=descriptor, content=content, document=document)

    found: dict[Digest, GraphManifest] = {}
    level = {root.digest: root}
    depth = 0
    while level:
        if depth > _DEEPEST_INDEX or len(found) + len(level) > _MOST_MANIFESTS:
            raise UnsafeContentError(
                "There are more manifests under one root than ocistacks follows.",
                where=source.describe(root),
                found=f"{len(found) + len(level)} manifests in {depth + 1} levels",
                expected=f"at most {_MOST_MANIFESTS} in {_DEEPEST_INDEX + 1} levels",
            )
        manifests = tuple(executor.map(read, level.values()))
        found |= {manifest.descriptor.digest: manifest for manifest in manifests}
        level = {
            child.digest: child
            for manifest in manifests
            for child in _listed(manifest)
            if child.digest not in found
        }
        depth += 1
    ordered: dict[Digest, GraphManifest] = {}
    _after_children(found[root.digest], found, ordered)
    blobs = {
        blob.digest: blob
        for manifest in ordered.values()
        if isinstance(manifest.document, Manifest)
        for blob in (*manifest.document.layers, manifest.document.config)
    }
    return ObjectGraph(manifests=tuple(ordered.values()), blobs=tuple(blobs.values()))


def _listed(manifest: GraphManifest) -> tuple[Descriptor, ...]:
    document = manifest.document
    return document.manifests if isinstance(document, Index) else ()


def _after_children(
    manifest: GraphManifest,
    found: dict[Digest, GraphManifest],
    ordered: dict[Digest, GraphManifest],
) -> None:
    """Add a manifest to ``ordered`` behind what it lists; digests cannot form a circle."""
    for child in _listed(manifest):
        if child.digest not in ordered:
            _after_children(found[child.digest], found, ordered)
    ordered[manifest.descriptor.digest] = manifest
