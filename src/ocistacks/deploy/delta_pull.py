"""Making a layer's tree of what the store has and of the files that it lacks, fetched alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ocistacks.blob.ranges import plan_parts
from ocistacks.blob.toc_files import list_entries
from ocistacks.blob.tree_writer import TreeWriter, empty_folder
from ocistacks.blob.unpack import MAXIMUM_ENTRIES
from ocistacks.deploy.fetch_files import fetch_files
from ocistacks.deploy.store_keeper import StoreKeeper
from ocistacks.errors import TargetError
from ocistacks.oci.remote_toc import read_remote_toc, toc_place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocistacks.blob.toc import Toc
    from ocistacks.blob.toc_files import ListedEntry
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
    """What of a blob the store lacks: the tree's entries, the files to fetch, sizes in bytes."""

    toc: Toc
    entries: tuple[ListedEntry, ...]
    toc_size: int
    missing: tuple[ListedEntry, ...]

    @property
    def missing_size(self) -> int:
        """The compressed bytes of the missing files."""
        return sum(file.end - file.start for file in self.missing)


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
    entries = list_entries(
        toc,
        content_end=place.content_end,
        maximum_size=maximum_size,
        maximum_entries=MAXIMUM_ENTRIES,
    )
    return Delta(
        toc=toc, entries=entries, toc_size=place.part.size, missing=_missing(entries, files)
    )


def pays(delta: Delta, blob: Descriptor) -> bool:
    """Whether fetching files alone is better than the whole blob as one stream."""
    return (
        delta.missing_size <= blob.size * _LARGEST_PART_OF_BLOB
        and len(plan_parts(delta.missing)) <= _MOST_REQUESTS
    )


def pull_delta(
    source: RangeSource,
    blob: Descriptor,
    delta: Delta,
    destination: Path,
    files: FileStore,
    *,
    label: str,
    reporter: Reporter,
) -> tuple[str, int]:
    """Make the tree in the empty folder ``destination``.

    Returns its install target, and how many bytes of files were received.

    Raises:
        DigestError: a file is not what the table of contents promises.
        NotFoundError, TransferError: the blob cannot be read.
        RangeRefusedError: the source gives whole blobs only.
        TargetError: the store cannot be written.
        UnsafeContentError: the blob's bytes are damaged.
    """
    fetched = 0
    missing = delta.missing
    for _attempt in range(_ATTEMPTS):
        parts = plan_parts(missing)
        total = sum(part.size for part in parts)
        with reporter.task(label, total=total) as task:
            fetched += fetch_files(source, blob, parts, files, task=task)
        install_target = _write_tree(delta.entries, destination, files)
        if install_target is not None:
            return install_target, fetched
        missing = _missing(delta.entries, files)
    raise TargetError(
        "Files of the store vanish while a layer is made of them.",
        where=str(files.root),
        found=f"{len(missing)} of {len(delta.entries)} entries are gone",
        hint="run the command again when nothing cleans the store",
    )


def _missing(entries: Sequence[ListedEntry], files: FileStore) -> tuple[ListedEntry, ...]:
    """Return the files that the store lacks, each content once."""
    wanted = {
        (each.entry.digest, each.entry.executable): each
        for each in entries
        if each.entry.kind == "reg" and each.entry.size
    }
    return tuple(
        each
        for (digest, executable), each in wanted.items()
        if not files.has(digest, executable=executable)
    )


def _write_tree(entries: Sequence[ListedEntry], destination: Path, files: FileStore) -> str | None:
    """Make the tree of links, and return its install target.

    None where the store lost a file meanwhile; there is no tree then.
    """
    writer = TreeWriter(destination, StoreKeeper(files))
    for each in entries:
        entry = each.entry
        if entry.kind != "reg" or not entry.size:
            writer.write(entry, ())
            continue
        link = partial(files.link, entry.digest, executable=entry.executable)
        if not writer.place(entry, link):
            empty_folder(destination)
            return None
    return writer.install_target
