"""Reading a blob through, without unpacking it: its tar's digest, and whether its tables fit.

A puller that fetches single files trusts the table of contents, and one that fetches the whole blob
the tar. Both must give the same files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.blob.decompression import CompressedChunks, decompress
from ocistacks.blob.tar_header import BLOCK_SIZE
from ocistacks.blob.tar_reader import TarStream, read_members
from ocistacks.blob.toc_capture import TocCapture
from ocistacks.blob.toc_files import require_same_entries
from ocistacks.blob.unpack import MAXIMUM_ENTRIES
from ocistacks.digests import Digest
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.toc_place import TocPlace
    from ocistacks.blob.tree_shape import TreeEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobContents:
    """What a blob holds: the tar stream's digest and size in bytes, and how many entries.

    ``install_target`` is the one top folder, None where the tar has another form.
    """

    diff_id: Digest
    uncompressed_size: int
    file_count: int
    install_target: str | None


def read_contents(
    chunks: Iterable[bytes], *, media_type: str, maximum_size: int, toc: TocPlace | None
) -> BlobContents:
    """Read a blob to its end, and compare its table of contents, if any, with its tar.

    ``maximum_size`` bounds the bytes of the tar stream.

    Raises:
        DigestError: the table of contents is not the one that ``toc`` names.
        UnsafeContentError: the blob cannot be unpacked, or its table lists other files.
    """
    capture = TocCapture(toc) if toc is not None else None
    source = CompressedChunks(chunks if capture is None else capture.passing(chunks))
    tar = _HashedTar(decompress(source, media_type, maximum_size=maximum_size))
    members = tuple(_hashed_members(tar))
    for _left_by_the_decompressor in source:
        pass
    if capture is not None:
        capture.require_footer()
        require_same_entries(capture.toc(), members)
    tops = {member.name.partition("/")[0] for member in members}
    return BlobContents(
        diff_id=Digest.from_hex(tar.hasher.hexdigest()),
        uncompressed_size=tar.size,
        file_count=len(members),
        install_target=tops.pop() if len(tops) == 1 else None,
    )


class _HashedTar:
    """A tar stream's buffers, hashed as they pass."""

    def __init__(self, buffers: Iterator[bytes]) -> None:
        self._buffers = buffers
        self.hasher = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for buffer in self._buffers:
            self.hasher.update(buffer)
            self.size += len(buffer)
            yield buffer


def _hashed_members(tar: Iterable[bytes]) -> Iterator[TreeEntry]:
    stream = TarStream(tar)
    for count, member in enumerate(read_members(stream)):
        if count >= MAXIMUM_ENTRIES:
            raise UnsafeContentError(
                "An archive holds too many entries.", expected=f"at most {MAXIMUM_ENTRIES}"
            )
        hasher = hashlib.sha256()
        for piece in stream.pieces(member.size):
            hasher.update(piece)
        stream.take(-member.size % BLOCK_SIZE)
        yield member._replace(digest=hasher.hexdigest())
