"""Unpacked layers in the store: streamed, verified, then visible, once a blob."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.files import unwritable
from ocistacks.oci import annotations as keys
from ocistacks.registry.source import file_chunks, verified_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.unpack import Unpacked
    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store

# A layer whose artifact does not tell its unpacked size may be so much larger than its blob.
_LARGEST_RATIO = 200


def ensure_tree(
    store: Store,
    source: ObjectSource,
    blob: Descriptor,
    *,
    diff_id: Digest,
    install_target: str,
    reporter: Reporter,
) -> tuple[Path, int]:
    """Return the store's folder with a layer's tree, and how many bytes came from ``source``.

    A blob that lies in the store is taken from there. The stream is unpacked while it arrives,
    and appears under its name only when both its digests are right.

    Raises:
        DigestError: the bytes are not the blob's.
        UnsafeContentError: the blob holds what must not be unpacked, or another layer.
        TargetError: the store cannot be written.
    """
    tree = store.tree_path(blob.digest)
    if tree.is_dir():
        return tree / install_target, 0
    with store.exclusively(f"tree-{blob.digest.hex}"):
        if tree.is_dir():
            return tree / install_target, 0
        with store.temporary_folder() as folder:
            unpacking = folder / "tree"
            unpacking.mkdir()
            fetched = _unpack(store, source, blob, unpacking, diff_id, install_target, reporter)
            try:
                _make_read_only(unpacking)
                unpacking.rename(tree)
            except OSError as error:
                raise unwritable(tree, error) from error
    return tree / install_target, fetched


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
    # Not before there is something to unpack: most layers were unpacked before.
    from ocistacks.oci.assembled_source import AssembledSource
    from ocistacks.registry.model import Descriptor

    descriptor = Descriptor(
        media_type=blob.media_type,
        digest=blob.digest,
        size=blob.size,
        annotations={keys.BLOB_UNCOMPRESSED_SIZE: str(blob.uncompressed_size)},
    )
    unpacked, _fetched = ensure_tree(
        store,
        AssembledSource((), store=store),
        descriptor,
        diff_id=blob.diff_id,
        install_target=install_target,
        reporter=reporter,
    )
    return unpacked


def _unpack(
    store: Store,
    source: ObjectSource,
    blob: Descriptor,
    destination: Path,
    diff_id: Digest,
    install_target: str,
    reporter: Reporter,
) -> int:
    from ocistacks.blob.unpack import unpack_blob

    path = store.blob_path(blob.digest)
    label = f"unpack {install_target}" if path.is_file() else f"pull {install_target}"
    with reporter.task(label, total=blob.size) as task:

        def unpack(chunks: Iterable[bytes]) -> Unpacked:
            return unpack_blob(
                chunks,
                destination,
                media_type=blob.media_type,
                maximum_size=_maximum_size(blob),
                on_progress=task.advance,
            )

        if path.is_file():
            unpacked = unpack(verified_chunks(file_chunks(path), blob, str(path)))
            fetched = 0
        else:
            with source.open_blob(blob) as chunks:
                unpacked = unpack(chunks)
            fetched = blob.size
    where = f"layer {install_target}, {source.describe(blob)}"
    for found, expected in ((unpacked.digest, blob.digest), (unpacked.diff_id, diff_id)):
        if found != expected:
            raise DigestError(
                "A layer is not what its manifest promises; nothing of it was kept.",
                where=where,
                found=found,
                expected=expected,
                hint="push the stack again",
            )
    if unpacked.install_target != install_target:
        raise UnsafeContentError(
            "A layer's blob holds another layer than its manifest says.",
            where=where,
            found=unpacked.install_target,
            expected=install_target,
        )
    return fetched


def _maximum_size(blob: Descriptor) -> int:
    told = blob.annotation(keys.BLOB_UNCOMPRESSED_SIZE) or ""
    return int(told) if told.isdigit() and len(told) < 16 else blob.size * _LARGEST_RATIO


def _make_read_only(folder: Path) -> None:
    """Take away the right to write to files, so that no deployment changes another's.

    Folders stay writable for their owner: a tree that is no longer wanted must be removable.
    """
    for parent, _folders, files in os.walk(folder):
        for name in files:
            path = os.path.join(parent, name)  # noqa: PTH118 - called for every file of a layer
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode):
                os.chmod(path, mode & 0o555)  # noqa: PTH101 - the same
