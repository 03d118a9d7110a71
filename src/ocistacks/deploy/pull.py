"""Pulling a stack, or some of its applications, from a registry or a layout into a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.deploy.deployment import read_deployment, write_deployment
from ocistacks.deploy.layer_trees import ensure_tree
from ocistacks.deploy.parallel import in_parallel
from ocistacks.deploy.select import ListedLayer, listed_layers, select_layers
from ocistacks.errors import NotFoundError
from ocistacks.oci.layer_artifact import read_layer_artifact
from ocistacks.registry.model import Index, read_graph_document
from ocistacks.store.targets import record_target

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


@dataclass(frozen=True, kw_only=True, slots=True)
class PulledLayer:
    """A layer whose tree lies in the store.

    ``fetched`` is what came over the wire, ``reused`` what the files of other layers spared; both
    in bytes of the blob, and 0 for a tree that was there.
    """

    listed: ListedLayer
    blob: Descriptor
    tree: Path
    fetched: int
    reused: int


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
        blob, diff_id = read_layer_artifact(source, layer.descriptor)
        tree = ensure_tree(
            store,
            source,
            blob,
            diff_id=diff_id,
            install_target=layer.description.install_target,
            reporter=reporter,
        )
        return PulledLayer(
            listed=layer, blob=blob, tree=tree.path, fetched=tree.fetched, reused=tree.reused
        )

    return in_parallel(pull, layers, threads=_PARALLEL)


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
    written = write_deployment(folder, trees_of(pulled))
    record_target(store, folder, [layer.blob.digest for layer in pulled])
    return pulled, len(written)


def trees_of(layers: Sequence[PulledLayer]) -> Mapping[str, tuple[Digest, Path]]:
    """Return what ``write_deployment`` takes."""
    return {
        layer.listed.description.install_target: (layer.blob.digest, layer.tree) for layer in layers
    }
