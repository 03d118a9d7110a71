"""Making a layer's tree of the whole blob, unpacked while it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ocistacks.blob.toc_capture import TocCapture
from ocistacks.blob.toc_files import require_same_entries
from ocistacks.blob.tree_writer import empty_folder
from ocistacks.blob.unpack import unpack_blob
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.oci import annotations as keys
from ocistacks.registry.source import file_chunks, verified_chunks
from ocistacks.store.sharing import StoreKeeper

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.toc import Toc
    from ocistacks.blob.toc_place import TocPlace
    from ocistacks.blob.unpack import Unpacked
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store

# A layer whose artifact does not tell its unpacked size may be so much larger than its blob.
_LARGEST_RATIO: Final = 200


def unpack_stream(
    store: Store,
    source: ObjectSource,
    blob: Descriptor,
    destination: Path,
    *,
    diff_id: Digest,
    install_target: str,
    place: TocPlace | None,
    toc: Toc | None,
    reporter: Reporter,
) -> tuple[str, int]:
    """Make the tree in the empty folder ``destination``, its files shared with the store.

    The blob comes from the store where it is there, verified by its digest either way. ``place``
    says where its table of contents lies; ``toc`` is the table where it was read already. The
    digests of the files are held to it; ``diff_id`` counts where there is no table, because one
    digest of the tar's bytes is enough. Returns the install target, and how many bytes came from
    ``source``.

    Raises:
        DigestError: the bytes are not the blob's, or not the tar's.
        UnsafeContentError: the blob holds what must not be unpacked, or two different trees.
        TargetError: the store cannot be written.
    """
    path = store.blob_path(blob.digest)
    is_local = path.is_file()
    label = f"{'unpack' if is_local else 'pull'} {install_target}"
    keeper = StoreKeeper(store.files)
    capture = TocCapture(place) if place is not None and toc is None else None
    try:
        with reporter.task(label, total=blob.size) as task:

            def unpack(chunks: Iterable[bytes]) -> Unpacked:
                return unpack_blob(
                    chunks if capture is None else capture.passing(chunks),
                    destination,
                    media_type=blob.media_type,
                    maximum_size=maximum_size(blob),
                    with_diff_id=place is None,
                    on_progress=task.advance,
                    keeper=keeper,
                )

            if is_local:
                unpacked = unpack(verified_chunks(file_chunks(path), blob, str(path)))
            else:
                with source.open_blob(blob) as chunks:
                    unpacked = unpack(chunks)
        _verify_tar(unpacked, diff_id, where=f"layer {install_target}, {source.describe(blob)}")
        if capture is not None:
            toc = capture.toc()
        if toc is not None:
            require_same_entries(toc, unpacked.entries)
    except (DigestError, UnsafeContentError):
        # Of what is refused, nothing stays; what a broken connection brought is of use next time.
        empty_folder(destination)
        keeper.take_back()
        raise
    return unpacked.install_target, 0 if is_local else blob.size


def maximum_size(blob: Descriptor) -> int:
    """Return how many bytes the tar in a blob may have."""
    told = blob.annotation(keys.BLOB_UNCOMPRESSED_SIZE) or ""
    return int(told) if told.isdigit() and len(told) < 16 else blob.size * _LARGEST_RATIO


def _verify_tar(unpacked: Unpacked, diff_id: Digest, *, where: str) -> None:
    if unpacked.diff_id not in {None, diff_id}:
        raise DigestError(
            "A layer is not what its manifest promises; nothing of it was kept.",
            where=where,
            found=unpacked.diff_id,
            expected=diff_id,
            hint="push the stack again",
        )
