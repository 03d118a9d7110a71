"""Unpack a blob while it arrives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ocistacks.blob.batches import Batch, ReadEntry, batched, read_batches
from ocistacks.blob.decompression import decompress
from ocistacks.blob.freed_memory import keep_freed_memory
from ocistacks.blob.pipeline import ByteChannel, Channel, Pipeline
from ocistacks.blob.tar_header import BLOCK_SIZE
from ocistacks.blob.tar_reader import TarStream, read_members
from ocistacks.blob.tree_shape import TreeShape
from ocistacks.blob.tree_writer import TreeWriter, empty_folder, not_written
from ocistacks.digests import Digest
from ocistacks.errors import TargetError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ocistacks.blob.batches import Item
    from ocistacks.blob.tree_shape import TreeEntry

MAXIMUM_ENTRIES: Final = 2_000_000
# Bytes that a blob may have beyond a sixteenth more than what it holds: its tables.
_SMALL_BLOB_SIZE: Final = 1 << 20


class FileKeeper(Protocol):
    """Takes part in files that were written, so that they are there once for all trees."""

    def keep(self, path: str, digest: str, *, executable: bool) -> None:
        """Share the complete file at ``path``; ``digest`` is its SHA-256 (hexadecimal).

        Raises:
            OSError: the file cannot be shared.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """What was unpacked.

    ``uncompressed_size`` (bytes) is that of the tar stream, and ``diff_id`` its digest where it was
    asked for. ``install_target`` is the top folder, ``file_count`` counts every entry, and
    ``entries`` lists them in order, files with digests, where there was a keeper.
    """

    diff_id: Digest | None
    uncompressed_size: int
    install_target: str
    file_count: int
    entries: tuple[TreeEntry, ...]


def unpack_blob(
    source: Iterable[bytes],
    destination: Path,
    *,
    media_type: str,
    maximum_size: int,
    maximum_entries: int = MAXIMUM_ENTRIES,
    with_diff_id: bool = False,
    on_progress: Callable[[int], None] | None = None,
    keeper: FileKeeper | None = None,
) -> Unpacked:
    """Write the tree in the blob that ``source`` yields below the empty folder ``destination``.

    ``source`` is read by the calling thread, in chunks of any size, and may be a download; what it
    yields must be verified by its end. Decompression, digests and writing go on beside it.
    ``media_type`` is one of those in ``blob.model``. ``maximum_size`` bounds the bytes of the tar
    stream, ``maximum_entries`` the number of entries. ``on_progress`` is called with the compressed
    bytes of each chunk. Files get the modes 0644 and 0755 and folders 0755, whatever the umask.
    With a ``keeper``, files are read-only, and it is handed each one when it is written.

    Raises UnsafeContentError for content that is damaged, too large, or that leaves its place;
    TargetError for a destination that is not empty or cannot take the files; and whatever
    ``source`` raises. Then the destination is empty again.
    """
    _require_empty(destination)
    keep_freed_memory()
    unpacking = _Unpacking(destination, media_type, maximum_size, maximum_entries, keeper)
    try:
        return unpacking.run(source, on_progress, with_diff_id=with_diff_id)
    except BaseException:
        empty_folder(destination)
        raise


class _Unpacking:
    """The stages of one call: decompress what comes; digest that; write the files."""

    def __init__(
        self,
        destination: Path,
        media_type: str,
        maximum_size: int,
        maximum_entries: int,
        keeper: FileKeeper | None,
    ) -> None:
        self._destination = destination
        self._media_type = media_type
        self._maximum_size = maximum_size
        self._maximum_entries = maximum_entries
        self._keeper = keeper
        self._shape = TreeShape()
        self._size = 0
        self._tar_size = 0
        self._diff_id: Digest | None = None
        self._entries: tuple[TreeEntry, ...] = ()

    def run(
        self,
        source: Iterable[bytes],
        on_progress: Callable[[int], None] | None,
        *,
        with_diff_id: bool,
    ) -> Unpacked:
        with Pipeline() as pipeline:
            compressed = pipeline.channel(ByteChannel)
            to_write = pipeline.channel(Channel[Batch])
            to_digest = pipeline.channel(ByteChannel) if with_diff_id else None
            outputs = [to_write] if to_digest is None else [to_write, to_digest]
            pipeline.start(
                compressed, lambda: self._read(compressed, to_write, to_digest), *outputs
            )
            if to_digest is not None:
                pipeline.start(to_digest, lambda: self._digest(to_digest))
            pipeline.start(to_write, lambda: self._write(to_write))
            for chunk in source:
                if pipeline.failed:
                    break
                self._receive(chunk)
                if chunk:
                    compressed.send(chunk)
                if on_progress is not None:
                    on_progress(len(chunk))
        return Unpacked(
            diff_id=self._diff_id,
            uncompressed_size=self._tar_size,
            install_target=self._shape.install_target,
            file_count=self._shape.count,
            entries=self._entries,
        )

    def _receive(self, chunk: bytes) -> None:
        self._size += len(chunk)
        # Frames that decompress to nothing could go on for ever.
        limit = self._maximum_size + self._maximum_size // 16 + _SMALL_BLOB_SIZE
        if self._size > limit:
            raise UnsafeContentError(
                "A blob is larger than what it may hold.",
                found=f"more than {limit} bytes",
                expected=f"at most {self._maximum_size} bytes when decompressed",
            )

    def _read(
        self,
        compressed: ByteChannel,
        to_write: Channel[Batch],
        to_digest: ByteChannel | None,
    ) -> None:
        stream = TarStream(self._decompressed(compressed, to_digest))
        for batch in batched(self._items(stream)):
            to_write.send(batch)

    def _decompressed(
        self, compressed: ByteChannel, to_digest: ByteChannel | None
    ) -> Iterator[bytes]:
        for buffer in decompress(compressed, self._media_type, maximum_size=self._maximum_size):
            self._tar_size += len(buffer)
            if to_digest is not None:
                to_digest.send(buffer)
            yield buffer

    def _items(self, stream: TarStream) -> Iterator[Item]:
        for member in read_members(stream):
            if self._shape.count >= self._maximum_entries:
                raise UnsafeContentError(
                    "An archive holds too many entries.",
                    expected=f"at most {self._maximum_entries}",
                )
            yield ReadEntry(member, self._shape.take(member))
            yield from stream.pieces(member.size)
            stream.take(-member.size % BLOCK_SIZE)

    def _digest(self, buffers: ByteChannel) -> None:
        self._diff_id = Digest.of_chunks(buffers)

    def _write(self, batches: Channel[Batch]) -> None:
        keeper = self._keeper
        writer = TreeWriter(self._destination, read_only=keeper is not None)
        written: list[TreeEntry] = []
        for (entry, folders), content in read_batches(batches):
            writer.make_folders(folders)
            if keeper is None:
                writer.write(entry, content)
            else:
                written.append(self._keep(entry, content, writer, keeper))
        self._entries = tuple(written)

    def _keep(
        self,
        entry: TreeEntry,
        content: Iterable[memoryview],
        writer: TreeWriter,
        keeper: FileKeeper,
    ) -> TreeEntry:
        """Write an entry, and hand it to the keeper; return it with its digest.

        Each piece is digested when it is written. A thread of its own for that would take turns
        with this one after every small file, and take longer.
        """
        if entry.kind != "reg":
            writer.write(entry)
            return entry
        hasher = hashlib.sha256()
        writer.write(entry, _digested(content, hasher))
        digest = hasher.hexdigest()
        path = f"{self._destination}/{entry.name}"
        if entry.size:  # of empty files there is nothing to save, and every package has many
            try:
                keeper.keep(path, digest, executable=entry.executable)
            except OSError as error:
                raise not_written(path, error) from error
        return entry._replace(digest=digest)


def _digested(content: Iterable[memoryview], hasher: hashlib._Hash) -> Iterator[memoryview]:
    for piece in content:
        hasher.update(piece)
        yield piece


def _require_empty(destination: Path) -> None:
    try:
        first = next(destination.iterdir(), None)
    except OSError as error:
        raise TargetError(
            "A layer cannot be unpacked here.",
            where=str(destination),
            found=error.strerror or str(error),
            expected="an existing, empty folder",
        ) from error
    if first is not None:
        raise TargetError(
            "A layer cannot be unpacked here.",
            where=str(destination),
            found=first.name,
            expected="an existing, empty folder",
        )
