"""Pulling a stack, or some of its applications, from a registry or a layout into a deployment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.deploy.deployment import read_deployment, write_deployment
from ocistacks.deploy.layer_trees import ensure_tree
from ocistacks.deploy.select import ListedLayer, listed_layers, select_layers
from ocistacks.errors import NotFoundError, UnsafeContentError
from ocistacks.registry.model import ImageConfiguration, Index, Manifest, read_graph_document
from ocistacks.registry.source import read_blob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store

_PARALLEL = 4
_LARGEST_CONFIGURATION_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PulledLayer:
    """A layer whose tree lies in the store; ``fetched`` is what came over the wire, in bytes."""

    listed: ListedLayer
    blob: Descriptor
    tree: Path
    fetched: int


def list_stack(
    source: ObjectSource, target: str | None, platform: Platform, *, where: str
) -> tuple[ListedLayer, ...]:
    """Return the layers that a reference offers for a platform.

    Raises:
        NotFoundError: there is no such reference, it names no stack, or none for the platform.
    """
    index = read_stack_index(source, source.resolve(target), where=where)
    return listed_layers(index, platform, where=where)


def read_stack_index(source: ObjectSource, descriptor: Descriptor, *, where: str) -> Index:
    """Return the index that ``descriptor`` names; NotFoundError if it is a single image."""
    document = read_graph_document(source.read_manifest(descriptor), descriptor, where=where)
    if not isinstance(document, Index):
        raise NotFoundError(
            "This reference names a single image or artifact, not a stack.",
            where=where,
            found=document.artifact_type or document.config.media_type,
            expected="the index that `ocistacks push` writes",
        )
    return document


def pull_layers(
    source: ObjectSource,
    layers: Sequence[ListedLayer],
    *,
    store: Store,
    reporter: Reporter,
) -> tuple[PulledLayer, ...]:
    """Bring the trees of ``layers`` into the store, several at a time.

    Raises:
        DigestError, UnsafeContentError, TransferError, TargetError: of a layer; those that were
            complete before it stay in the store.
    """

    def pull(layer: ListedLayer) -> PulledLayer:
        blob, diff_id = _blob_of(source, layer.descriptor)
        tree, fetched = ensure_tree(
            store,
            source,
            blob,
            diff_id=diff_id,
            install_target=layer.description.install_target,
            reporter=reporter,
        )
        return PulledLayer(listed=layer, blob=blob, tree=tree, fetched=fetched)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        jobs = [pool.submit(pull, layer) for layer in layers]
        try:
            return tuple(job.result() for job in jobs)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def pull_stack(
    source: ObjectSource,
    target: str | None,
    folder: Path,
    *,
    applications: Sequence[str],
    platform: Platform,
    where: str,
    store: Store,
    reporter: Reporter,
) -> tuple[tuple[PulledLayer, ...], int]:
    """Make ``folder`` a deployment of a stack, or of some applications with what they need.

    Returns the layers, and how many of them were new in the folder.

    Raises:
        OcistacksError: of any kind; the folder is then as it was before.
    """
    read_deployment(folder)  # a folder that cannot be the target is refused before any transfer
    layers = select_layers(
        list_stack(source, target, platform, where=where), applications, where=where
    )
    pulled = pull_layers(source, layers, store=store, reporter=reporter)
    return pulled, len(write_deployment(folder, trees_of(pulled)))


def trees_of(layers: Sequence[PulledLayer]) -> Mapping[str, tuple[Digest, Path]]:
    """Return what ``write_deployment`` takes."""
    return {
        layer.listed.description.install_target: (layer.blob.digest, layer.tree) for layer in layers
    }


def _blob_of(source: ObjectSource, descriptor: Descriptor) -> tuple[Descriptor, Digest]:
    """Return the blob of a layer artifact, and the digest of the tar in it."""
    where = source.describe(descriptor)
    manifest = read_graph_document(source.read_manifest(descriptor), descriptor, where=where)
    if not isinstance(manifest, Manifest) or len(manifest.layers) != 1:
        raise UnsafeContentError(
            "A layer artifact does not have one blob.",
            where=where,
            found=f"{len(manifest.layers)} blobs" if isinstance(manifest, Manifest) else "an index",
            expected="1 blob",
        )
    if manifest.config.size > _LARGEST_CONFIGURATION_BYTES:
        raise UnsafeContentError(
            "A layer's configuration is too large.",
            where=where,
            found=f"{manifest.config.size} bytes",
            expected=f"at most {_LARGEST_CONFIGURATION_BYTES} bytes",
        )
    configuration = ImageConfiguration.read(read_blob(source, manifest.config), where=where)
    if len(configuration.rootfs.diff_ids) != 1:
        raise UnsafeContentError(
            "A layer's configuration does not fit its one blob.",
            where=where,
            found=f"{len(configuration.rootfs.diff_ids)} diff_ids",
            expected="1",
        )
    return manifest.layers[0], configuration.rootfs.diff_ids[0]
