"""Unpack a blob while it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ocistacks.blob.decompression import decompress
from ocistacks.blob.pipeline import Pipeline
from ocistacks.blob.tar_header import BLOCK_SIZE
from ocistacks.blob.tar_reader import TarStream, read_members
from ocistacks.blob.tree_shape import TreeShape
from ocistacks.blob.tree_writer import TreeWriter, empty_folder
from ocistacks.digests import Digest
from ocistacks.errors import TargetError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ocistacks.blob.pipeline import ByteChannel
    from ocistacks.blob.tree_shape import TreeEntry

MAXIMUM_ENTRIES: Final = 2_000_000
# Bytes that a blob may have beyond a sixteenth more than what it holds: its tables.
_SMALL_BLOB_SIZE: Final = 1 << 20


class FileKeeper(Protocol):
    """Takes part in files that were written, so that they are there once for all trees."""

    def add(self, path: str, *, size: int, executable: bool) -> None:
        """Take the complete file at ``path``, of ``size`` bytes; raise TargetError on failure."""

    def finish(self) -> list[str]:
        """Return the SHA-256 (hexadecimal) of each file, in order; raise TargetError on failure."""


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
            compressed = pipeline.channel()
            to_write = pipeline.channel()
            to_digest = pipeline.channel() if with_diff_id else None
            outputs = (to_write,) if to_digest is None else (to_write, to_digest)
            pipeline.start(compressed, lambda: self._decompress(compressed, outputs), *outputs)
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

    def _decompress(self, compressed: ByteChannel, outputs: Iterable[ByteChannel]) -> None:
        for buffer in decompress(compressed, self._media_type, maximum_size=self._maximum_size):
            self._tar_size += len(buffer)
            for output in outputs:
                output.send(buffer)

    def _digest(self, buffers: ByteChannel) -> None:
        self._diff_id = Digest.of_chunks(buffers)

    def _write(self, buffers: ByteChannel) -> None:
        keeper = self._keeper
        writer = TreeWriter(self._destination, read_only=keeper is not None)
        stream = TarStream(buffers)
        written: list[TreeEntry] = []
        for member in read_members(stream):
            if self._shape.count >= self._maximum_entries:
                raise UnsafeContentError(
                    "An archive holds too many entries.",
                    expected=f"at most {self._maximum_entries}",
                )
            writer.make_folders(self._shape.take(member))
            writer.write(member, stream.pieces(member.size))
            stream.take(-member.size % BLOCK_SIZE)
            if keeper is not None:
                written.append(member)
                if member.kind == "reg":
                    path = f"{self._destination}/{member.name}"
                    keeper.add(path, size=member.size, executable=member.executable)
        if keeper is not None:
            digests = iter(keeper.finish())
            self._entries = tuple(
                each.with_digest(next(digests)) if each.kind == "reg" else each for each in written
            )


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
