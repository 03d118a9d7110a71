"""Making a layer's tree of what the store has and of the files that it lacks, fetched alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ocistacks.blob.ranges import plan_parts
from ocistacks.blob.toc_files import list_tree
from ocistacks.blob.tree_writer import TreeWriter, not_written
from ocistacks.blob.unpack import MAXIMUM_ENTRIES
from ocistacks.deploy.fetch_files import fetch_files
from ocistacks.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.ranges import BlobPart
    from ocistacks.blob.toc import Toc
    from ocistacks.blob.toc_files import ListedEntry
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource
    from ocistacks.store.files import FileStore

# Of a blob, so much at most is fetched in parts. Above it the whole is one stream, which needs one
# request and is verified as a whole.
_LARGEST_PART_OF_BLOB: Final = 0.8
_MOST_PARTS: Final = 2000
# How often files are looked for again that vanished between two looks: somebody cleans the store.
_ATTEMPTS: Final = 3


class DeltaPull:
    """One layer's tree in the empty folder ``destination``, at first of what the store has.

    ``content_end`` is where in the blob the frames with content end; ``maximum_size`` bounds the
    bytes of the unpacked files.
    """

    def __init__(
        self,
        blob: Descriptor,
        toc: Toc,
        destination: Path,
        files: FileStore,
        *,
        content_end: int,
        maximum_size: int,
    ) -> None:
        """Make all of the tree that can be made of the store.

        Raises:
            UnsafeContentError: the table of contents lists what must not be unpacked.
            TargetError: the store cannot be written.
        """
        self._tree = list_tree(
            toc,
            content_end=content_end,
            maximum_size=maximum_size,
            maximum_entries=MAXIMUM_ENTRIES,
        )
        self._blob = blob
        self._files = files
        self._destination = destination
        self._writer = TreeWriter(destination, read_only=True)
        self._writer.make_folders(self._tree.folders)
        self._waiting = self._link(each for each in self._tree.entries if _is_shared(each))
        self._parts = self._missing_parts()

    @property
    def install_target(self) -> str:
        """The name of the tree's top folder."""
        return self._tree.install_target

    @property
    def pays(self) -> bool:
        """Whether fetching files alone is better than the whole blob as one stream."""
        largest = self._blob.size * _LARGEST_PART_OF_BLOB
        return self._size <= largest and len(self._parts) <= _MOST_PARTS

    @property
    def _size(self) -> int:
        """How many bytes the parts have that are to be fetched."""
        return sum(part.size for part in self._parts)

    def fetch(self, source: RangeSource, *, label: str, reporter: Reporter) -> int:
        """Fetch what the store lacks, complete the tree, and return how many bytes were received.

        Raises:
            DigestError: a file is not what the table of contents promises.
            NotFoundError, TransferError: the blob cannot be read.
            RangeRefusedError: the source gives whole blobs only.
            TargetError: the store cannot be written.
            UnsafeContentError: the blob's bytes are damaged.
        """
        fetched = 0
        for _attempt in range(_ATTEMPTS):
            total = self._size
            with reporter.task(label, total=total) as task:
                fetch_files(source, self._blob, self._parts, self._files, task=task)
            fetched += total
            self._waiting = self._link(self._waiting)
            if not self._waiting:
                for each in self._tree.entries:
                    if not _is_shared(each):
                        self._writer.write(each.entry)
                return fetched
            self._parts = self._missing_parts()
        raise TargetError(
            "Files of the store vanish while a layer is made of them.",
            where=str(self._files.root),
            found=f"{len(self._waiting)} of {len(self._tree.entries)} entries are gone",
            hint="run the command again when nothing cleans the store",
        )

    def _link(self, entries: Iterable[ListedEntry]) -> list[ListedEntry]:
        """Give the store's files their names in the tree; return those that the store lacks."""
        gone: list[ListedEntry] = []
        for each in entries:
            entry = each.entry
            path = f"{self._destination}/{entry.name}"
            try:
                if not self._files.link(entry.digest, path, executable=entry.executable):
                    gone.append(each)
            except OSError as error:
                raise not_written(path, error) from error
        return gone

    def _missing_parts(self) -> tuple[BlobPart, ...]:
        """Return the parts of the blob with the files that the store lacks, each content once."""
        wanted = {(each.entry.digest, each.entry.executable): each for each in self._waiting}
        return plan_parts(
            [
                each
                for (digest, executable), each in wanted.items()
                if not self._files.has(digest, executable=executable)
            ]
        )


def _is_shared(each: ListedEntry) -> bool:
    """Whether the store has, or gets, the entry as a file; hard links follow their files."""
    return each.entry.kind == "reg" and each.entry.size > 0
