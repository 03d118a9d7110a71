"""Making a layer's tree of what the store has and of the files that it lacks, fetched alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ocistacks.blob.ranges import plan_parts
from ocistacks.blob.toc_files import list_tree
from ocistacks.blob.tree_writer import TreeWriter, empty_folder
from ocistacks.blob.unpack import MAXIMUM_ENTRIES
from ocistacks.deploy.fetch_files import fetch_files
from ocistacks.errors import TargetError
from ocistacks.oci.remote_toc import read_remote_toc, toc_place
from ocistacks.registry.errors import RangeRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.ranges import BlobPart
    from ocistacks.blob.toc import Toc
    from ocistacks.blob.toc_files import ListedEntry, ListedTree
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource
    from ocistacks.store.files import FileStore

# Of a blob, so much at most is fetched in parts. Above it the whole is one stream, which needs one
# request and is verified as a whole.
_LARGEST_PART_OF_BLOB: Final = 0.8
_MOST_REQUESTS: Final = 2000
# How often files are looked for again that vanished between two looks: somebody cleans the store.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """A layer's tree, and the parts of its blob with the files that the store lacks.

    ``toc_size`` is that of the table of contents in bytes.
    """

    toc: Toc
    toc_size: int
    tree: ListedTree
    parts: tuple[BlobPart, ...]


def find_delta(
    source: RangeSource,
    blob: Descriptor,
    files: FileStore,
    *,
    maximum_size: int,
) -> Delta | None:
    """Return what of a blob the store lacks; only the table of contents is read.

    None where the blob has no table.

    Raises:
        DigestError, NotFoundError, TransferError, UnsafeContentError: the table cannot be read,
            is not the promised one, or lists what must not be unpacked.
    """
    place, toc = toc_place(blob), read_remote_toc(source, blob)
    if place is None or toc is None:
        return None
    tree = list_tree(
        toc,
        content_end=place.content_end,
        maximum_size=maximum_size,
        maximum_entries=MAXIMUM_ENTRIES,
    )
    parts = plan_parts(_missing(tree.entries, files))
    return Delta(toc=toc, toc_size=place.part.size, tree=tree, parts=parts)


def pays(delta: Delta, blob: Descriptor) -> bool:
    """Whether fetching files alone is better than the whole blob as one stream."""
    size = sum(part.size for part in delta.parts)
    return size <= blob.size * _LARGEST_PART_OF_BLOB and len(delta.parts) <= _MOST_REQUESTS


def pull_delta(
    source: RangeSource,
    blob: Descriptor,
    delta: Delta,
    destination: Path,
    files: FileStore,
    *,
    label: str,
    reporter: Reporter,
) -> int:
    """Make the tree in the empty folder ``destination``; return how many bytes were received.

    Raises:
        DigestError: a file is not what the table of contents promises.
        NotFoundError, TransferError: the blob cannot be read.
        RangeRefusedError: the source gives whole blobs only; the folder is empty again.
        TargetError: the store cannot be written.
        UnsafeContentError: the blob's bytes are damaged.
    """
    writer = TreeWriter(destination, read_only=True)
    writer.make_folders(delta.tree.folders)
    fetched = 0
    parts = delta.parts
    waiting = [each for each in delta.tree.entries if _is_shared(each)]
    for _attempt in range(_ATTEMPTS):
        coming = {file.entry.digest for part in parts for file in part.files}
        there = [each for each in waiting if each.entry.digest not in coming]
        others = [each for each in waiting if each.entry.digest in coming]
        total = sum(part.size for part in parts)
        with reporter.task(label, total=total) as task, ThreadPoolExecutor(1) as beside:
            linking = beside.submit(_link, there, writer, files)
            try:
                fetched += fetch_files(source, blob, parts, files, task=task)
            except RangeRefusedError:
                linking.result()
                empty_folder(destination)
                raise
            waiting = linking.result() + _link(others, writer, files)
        if not waiting:
            for each in delta.tree.entries:
                if not _is_shared(each):
                    writer.write(each.entry)
            return fetched
        parts = plan_parts(_missing(waiting, files))
    raise TargetError(
        "Files of the store vanish while a layer is made of them.",
        where=str(files.root),
        found=f"{len(waiting)} of {len(delta.tree.entries)} entries are gone",
        hint="run the command again when nothing cleans the store",
    )


def _is_shared(each: ListedEntry) -> bool:
    """Whether the store has, or gets, the entry as a file; hard links follow their files."""
    return each.entry.kind == "reg" and each.entry.size > 0


def _missing(entries: Iterable[ListedEntry], files: FileStore) -> tuple[ListedEntry, ...]:
    """Return the files that the store lacks, each content once."""
    wanted = {
        (each.entry.digest, each.entry.executable): each for each in entries if _is_shared(each)
    }
    return tuple(
        each
        for (digest, executable), each in wanted.items()
        if not files.has(digest, executable=executable)
    )


def _link(
    entries: Iterable[ListedEntry], writer: TreeWriter, files: FileStore
) -> list[ListedEntry]:
    """Give the store's files their names in the tree; return those that the store lacks."""
    gone: list[ListedEntry] = []
    for each in entries:
        entry = each.entry
        if not writer.place(entry, partial(files.link, entry.digest, executable=entry.executable)):
            gone.append(each)
    return gone
