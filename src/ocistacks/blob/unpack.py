"""Unpack a blob while it arrives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.blob.decompression import decompress
from ocistacks.blob.pipeline import Channel, Pipeline
from ocistacks.blob.tar_header import BLOCK_SIZE
from ocistacks.blob.tar_reader import TarStream, read_members
from ocistacks.blob.tree_writer import TreeWriter, empty_folder
from ocistacks.digests import Digest
from ocistacks.errors import TargetError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ocistacks.blob.tree_shape import TreeEntry
    from ocistacks.blob.tree_writer import FileKeeper

MAXIMUM_ENTRIES: Final = 2_000_000
# Bytes that a blob may have beyond a sixteenth more than what it holds: its tables.
_SMALL_BLOB_SIZE: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """What was unpacked.

    ``digest`` and ``size`` (bytes) are those of the compressed bytes that came, for the caller to
    compare with what was promised; ``diff_id`` and ``uncompressed_size`` those of the tar stream.
    ``install_target`` is the top folder, ``file_count`` counts every entry, and ``entries`` lists
    them in order; files have digests where there was a keeper.
    """

    digest: Digest
    size: int
    diff_id: Digest
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
    on_progress: Callable[[int], None] | None = None,
    keeper: FileKeeper | None = None,
) -> Unpacked:
    """Write the tree in the blob that ``source`` yields below the empty folder ``destination``.

    ``source`` is read by the calling thread, in chunks of any size, and may be a download;
    hashing, decompression and writing go on beside it. ``media_type`` is one of those in
    ``blob.model``. ``maximum_size`` bounds the bytes of the tar stream, ``maximum_entries`` the
    number of entries. ``on_progress`` is called with the compressed bytes of each chunk. Files
    get the modes 0644 and 0755 and folders 0755, whatever the umask. A ``keeper`` is handed each
    file when it is written.

    Raises UnsafeContentError for content that is damaged, too large, or that leaves its place;
    TargetError for a destination that is not empty or cannot take the files; and whatever
    ``source`` raises. Then the destination is empty again. It is the caller who compares the
    digest before anyone sees the destination.
    """
    _require_empty(destination)
    unpacking = _Unpacking(
        TreeWriter(destination, keeper), media_type, maximum_size, maximum_entries
    )
    try:
        return unpacking.run(source, on_progress)
    except BaseException:
        empty_folder(destination)
        raise


class _Unpacking:
    """The stages of one call: hash what comes; decompress it; hash that; write the files."""

    def __init__(
        self, writer: TreeWriter, media_type: str, maximum_size: int, maximum_entries: int
    ) -> None:
        self._media_type = media_type
        self._maximum_size = maximum_size
        self._maximum_entries = maximum_entries
        self._writer = writer
        self._hasher = hashlib.sha256()
        self._size = 0
        self._tar_hasher = hashlib.sha256()
        self._tar_size = 0

    def run(self, source: Iterable[bytes], on_progress: Callable[[int], None] | None) -> Unpacked:
        with Pipeline() as pipeline:
            compressed = pipeline.channel()
            to_hash = pipeline.channel()
            to_write = pipeline.channel()
            pipeline.start(
                compressed,
                lambda: self._decompress(compressed, to_hash, to_write),
                to_hash,
                to_write,
            )
            pipeline.start(to_hash, lambda: self._hash(to_hash))
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
            digest=Digest.from_hex(self._hasher.hexdigest()),
            size=self._size,
            diff_id=Digest.from_hex(self._tar_hasher.hexdigest()),
            uncompressed_size=self._tar_size,
            install_target=self._writer.install_target,
            file_count=self._writer.count,
            entries=self._writer.entries,
        )

    def _receive(self, chunk: bytes) -> None:
        self._hasher.update(chunk)
        self._size += len(chunk)
        # Frames that decompress to nothing could go on for ever.
        limit = self._maximum_size + self._maximum_size // 16 + _SMALL_BLOB_SIZE
        if self._size > limit:
            raise UnsafeContentError(
                "A blob is larger than what it may hold.",
                found=f"more than {limit} bytes",
                expected=f"at most {self._maximum_size} bytes when decompressed",
            )

    def _decompress(self, compressed: Channel, *outputs: Channel) -> None:
        for buffer in decompress(compressed, self._media_type, maximum_size=self._maximum_size):
            for output in outputs:
                output.send(buffer)

    def _hash(self, buffers: Channel) -> None:
        for buffer in buffers:
            self._tar_hasher.update(buffer)
            self._tar_size += len(buffer)

    def _write(self, buffers: Channel) -> None:
        stream = TarStream(buffers)
        writer = self._writer
        for member in read_members(stream):
            if writer.count >= self._maximum_entries:
                raise UnsafeContentError(
                    "An archive holds too many entries.",
                    expected=f"at most {self._maximum_entries}",
                )
            writer.write(member, stream.pieces(member.size))
            stream.take(-member.size % BLOCK_SIZE)


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
