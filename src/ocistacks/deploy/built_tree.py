"""The unpacked trees of layers that were built here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.progress import Reporter
    from ocistacks.store.store import Store


def built_tree(built: BuiltLayer, store: Store, reporter: Reporter) -> Path:
    """Return the store's folder with the tree of a layer that was built here.

    Raises:
        DigestError, UnsafeContentError: the blob in the store is damaged.
        TargetError: the store cannot be written.
    """
    blob, install_target = built.blob, built.plan.request.install_target
    tree = store.tree_path(blob.digest)
    if tree.is_dir():
        return tree / install_target
    # Not before there is something to unpack: most layers were unpacked before, and what unpacks
    # takes longer to import than all else of a build in which nothing changed.
    from ocistacks.deploy.layer_trees import ensure_tree
    from ocistacks.oci import annotations as keys
    from ocistacks.oci.assembled_source import AssembledSource
    from ocistacks.registry.model import Descriptor

    descriptor = Descriptor(
        media_type=blob.media_type,
        digest=blob.digest,
        size=blob.size,
        annotations={keys.BLOB_UNCOMPRESSED_SIZE: str(blob.uncompressed_size)},
    )
    return ensure_tree(
        store,
        AssembledSource((), store=store),
        descriptor,
        diff_id=blob.diff_id,
        install_target=install_target,
        reporter=reporter,
    ).path
