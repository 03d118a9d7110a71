"""Fetching single files of a blob into the store, by their place in it and their digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ocistacks.blob.decompression import decompress
from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.ranges import plan_requests
from ocistacks.deploy.parallel import in_parallel
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.files import unwritable
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ocistacks.blob.ranges import BlobPart
    from ocistacks.blob.toc_files import ListedEntry
    from ocistacks.progress import Task
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource
    from ocistacks.store.files import FileStore

_CONNECTIONS: Final = 4


def fetch_files(
    source: RangeSource,
    blob: Descriptor,
    parts: Sequence[BlobPart],
    files: FileStore,
    *,
    task: Task,
) -> None:
    """Bring the files in ``parts`` of a blob into the store.

    Each file is verified by its own digest before it appears, so that a run after this one was
    killed asks for the rest only.

    Raises:
        DigestError: a file is not what the table of contents promises.
        RangeRefusedError: the source gives whole blobs only.
        NotFoundError, TransferError: the blob cannot be read.
        TargetError: the store cannot be written.
        UnsafeContentError: the blob's bytes are damaged, or places overlap.
    """

    def fetch(request: Sequence[BlobPart]) -> None:
        waiting = list(request)
        retried(lambda: _fetch_parts(source, blob, waiting, files, task))

    in_parallel(fetch, plan_requests(parts, _CONNECTIONS), threads=_CONNECTIONS)


def _fetch_parts(
    source: RangeSource,
    blob: Descriptor,
    waiting: list[BlobPart],
    files: FileStore,
    task: Task,
) -> None:
    """Bring the files of parts into the store, and take the parts that are done off the list."""
    places = [(part.start, part.size) for part in waiting]
    with source.open_parts(blob, places) as opened:
        for chunks in opened:
            stream = _PartStream(chunks, waiting[0].start, task)
            for listed in waiting[0].files:
                _write_file(stream, listed, files, where=_file_name(blob, listed))
            stream.finish()
            del waiting[0]


def _file_name(blob: Descriptor, listed: ListedEntry) -> str:
    """Return how messages name a file of a blob."""
    return f"{listed.entry.name} in {blob.digest}"


def _write_file(stream: _PartStream, listed: ListedEntry, files: FileStore, *, where: str) -> None:
    entry = listed.entry
    hasher = hashlib.sha256()
    size = 0
    with files.new_file() as temporary:
        stream.go_to(listed.start, listed.end, where=where)
        try:
            with open(temporary, "xb") as output:  # noqa: PTH123 - a text
                for buffer in decompress(stream, MEDIA_TYPE_TAR_ZSTD, maximum_size=entry.size):
                    hasher.update(buffer)
                    size += len(buffer)
                    output.write(buffer)
        except OSError as error:
            if error.errno is None:
                raise  # of the connection, not of the disk
            raise unwritable(files.root, error) from error
        if hasher.hexdigest() != entry.digest:
            raise DigestError(
                "A file of a layer is not what the layer's table of contents promises.",
                where=where,
                found=f"sha256:{hasher.hexdigest()}, {size} bytes",
                expected=f"sha256:{entry.digest}, {entry.size} bytes",
                hint="try again; if it stays so, push the stack again",
            )
        files.adopt(temporary, entry.digest, executable=entry.executable)


class _PartStream:
    """The bytes of a part, of which one file's are handed out at a time (a CompressedSource)."""

    def __init__(self, chunks: Iterator[bytes], position: int, task: Task) -> None:
        self._chunks = chunks
        self._task = task
        self._view = memoryview(b"")
        self._position = position
        self._end = position

    def go_to(self, start: int, end: int, *, where: str) -> None:
        """Pass over what lies before byte ``start`` of the blob; reads end at ``end`` then."""
        if start < self._position:
            raise UnsafeContentError(
                "A blob's table of contents lists files whose places overlap.",
                where=where,
                found=f"it begins at byte {start}",
                expected=f"byte {self._position} or later",
            )
        self._end = start
        while self.read():
            pass
        self._end = end

    def read(self, _size: int = -1, /) -> bytes:
        """Return the next bytes of the file, none at its end."""
        if self._position >= self._end:
            return b""
        if not self._view:
            chunk = next(self._chunks)
            self._task.advance(len(chunk))
            self._view = memoryview(chunk)
        taken = self._view[: self._end - self._position]
        self._view = self._view[len(taken) :]
        self._position += len(taken)
        return bytes(taken)

    def finish(self) -> None:
        """Take what is left of the part."""
        for chunk in self._chunks:
            self._task.advance(len(chunk))

    def __iter__(self) -> Iterator[bytes]:
        while buffer := self.read():
            yield buffer
