"""Unpacked layers in the store: verified, then visible, once a blob, every file once for all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.tree_writer import empty_folder
from ocistacks.deploy.delta_pull import DeltaPull
from ocistacks.deploy.stream_pull import maximum_size, unpack_stream
from ocistacks.errors import UnsafeContentError
from ocistacks.files import unwritable
from ocistacks.oci.remote_toc import read_toc_at, toc_place
from ocistacks.registry.errors import RangeRefusedError
from ocistacks.registry.source import RangeSource

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.blob.toc import Toc
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerTree:
    """A layer's tree in the store, and the bytes of its blob that were and were not fetched.

    ``reused`` are those that the store's files spared. Both are 0 for a tree that was there.
    """

    path: Path
    fetched: int = 0
    reused: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filled:
    install_target: str
    fetched: int
    reused: int = 0


def ensure_tree(
    store: Store,
    source: ObjectSource,
    blob: Descriptor,
    *,
    diff_id: Digest,
    install_target: str,
    reporter: Reporter,
) -> LayerTree:
    """Return the store's folder with a layer's tree.

    A blob that lies in the store is taken from there. Of another one, the table of contents is read
    first: files that the store has are not fetched. Where that does not pay, or cannot be done, the
    blob is unpacked while it arrives. The tree appears under its name only when all is verified.

    Raises:
        DigestError: the bytes are not the blob's.
        UnsafeContentError: the blob holds what must not be unpacked, or another layer.
        TargetError: the store cannot be written.
    """
    tree = store.tree_path(blob.digest)
    if tree.is_dir():
        with suppress(OSError):  # of a store that is read-only for us
            os.utime(tree)  # when it was used last
        return LayerTree(path=tree / install_target)
    with store.exclusively(f"tree-{blob.digest.hex}"):
        if tree.is_dir():
            return LayerTree(path=tree / install_target)
        with store.temporary_folder() as folder:
            unpacking = folder / "tree"
            unpacking.mkdir()
            filled = _fill(store, source, blob, unpacking, diff_id, install_target, reporter)
            if filled.install_target != install_target:
                raise UnsafeContentError(
                    "A layer's blob holds another layer than its manifest says.",
                    where=f"layer {install_target}, {source.describe(blob)}",
                    found=filled.install_target,
                    expected=install_target,
                )
            try:
                unpacking.rename(tree)
            except OSError as error:
                raise unwritable(tree, error) from error
    return LayerTree(path=tree / install_target, fetched=filled.fetched, reused=filled.reused)


def _fill(
    store: Store,
    source: ObjectSource,
    blob: Descriptor,
    destination: Path,
    diff_id: Digest,
    install_target: str,
    reporter: Reporter,
) -> _Filled:
    """Make the tree in the empty folder ``destination``."""
    toc: Toc | None = None
    place = toc_place(blob) if blob.media_type == MEDIA_TYPE_TAR_ZSTD else None
    fetched = 0
    if (
        place is not None
        and isinstance(source, RangeSource)
        and not store.has_blob(blob.digest)
        and not store.files.is_empty()
    ):
        try:
            toc = read_toc_at(source, blob, place)
            fetched = place.part.size
            delta = DeltaPull(
                blob,
                toc,
                destination,
                store.files,
                content_end=place.content_end,
                maximum_size=maximum_size(blob),
            )
            if delta.pays:
                fetched += delta.fetch(source, label=f"pull {install_target}", reporter=reporter)
                return _Filled(
                    install_target=delta.install_target,
                    fetched=fetched,
                    reused=max(0, blob.size - fetched),
                )
        except RangeRefusedError:
            pass
        empty_folder(destination)  # the whole blob, then
    target, received = unpack_stream(
        store,
        source,
        blob,
        destination,
        diff_id=diff_id,
        install_target=install_target,
        place=place,
        toc=toc,
        reporter=reporter,
    )
    return _Filled(install_target=target, fetched=fetched + received)
