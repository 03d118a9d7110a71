"""From a blob in the store to an archive in another format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from ocistacks.blob.decompression import CompressedChunks, decompress
from ocistacks.deploy.archive_formats.xz import write_xz
from ocistacks.deploy.archive_formats.zip_archive import write_zip
from ocistacks.digests import Digest
from ocistacks.errors import DigestError
from ocistacks.files import unwritable
from ocistacks.registry.source import file_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ocistacks.blob.model import Blob, Compression
    from ocistacks.progress import Task


class ArchiveFormat(StrEnum):
    """The format of an archive; the values are the ends of file names."""

    TAR_ZST = "tar.zst"
    TAR_GZ = "tar.gz"
    TAR_XZ = "tar.xz"
    ZIP = "zip"

    @classmethod
    def of_compression(cls, compression: Compression) -> ArchiveFormat:
        """Return the format that a blob has as it is."""
        return {"zstd": cls.TAR_ZST, "gzip": cls.TAR_GZ}[compression]

    @property
    def is_converted(self) -> bool:
        """Whether archives of the format are made from blobs, of whatever compression."""
        return self in _WRITERS


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveContent:
    """An archive's bytes: how many, and their digest."""

    size: int
    digest: Digest

    @property
    def hashes(self) -> dict[str, str]:
        """The value of venvstacks' ``archive_hashes``."""
        return {"sha256": self.digest.hex}

    @classmethod
    def of_file(cls, path: Path) -> ArchiveContent:
        """Return the size and digest of a file."""
        return cls(size=path.stat().st_size, digest=Digest.of_file(path))


class _Write(Protocol):
    def __call__(self, content: Iterable[bytes], output: BinaryIO, /, *, threads: int) -> None: ...


_WRITERS: Final[dict[ArchiveFormat, _Write]] = {
    ArchiveFormat.TAR_XZ: write_xz,
    ArchiveFormat.ZIP: write_zip,
}


def convert_blob(
    path: Path, blob: Blob, target: ArchiveFormat, output: Path, *, threads: int, progress: Task
) -> ArchiveContent:
    """Write the tree in the blob at ``path`` to the new file ``output`` as tar.xz or zip.

    ``progress`` advances by the bytes of the tar stream.

    Raises:
        DigestError, UnsafeContentError: the blob is not what it was when it was built.
        TargetError: ``output`` cannot be written; it may then hold a part.
    """
    try:
        with output.open("xb") as stream:
            _WRITERS[target](_tar_stream(path, blob, progress), stream, threads=threads)
        return ArchiveContent.of_file(output)
    except OSError as error:
        raise unwritable(output, error) from error


def _tar_stream(path: Path, blob: Blob, progress: Task) -> Iterator[bytes]:
    """Yield the tar stream in a blob; raise at its end where it has another digest."""
    hasher = hashlib.sha256()
    maximum = blob.uncompressed_size
    for buffer in decompress(
        CompressedChunks(file_chunks(path)), blob.media_type, maximum_size=maximum
    ):
        hasher.update(buffer)
        progress.advance(len(buffer))
        yield buffer
    found = Digest.from_hex(hasher.hexdigest())
    if found != blob.diff_id:
        raise DigestError(
            "A blob in the store is not what it was when it was built.",
            where=str(path),
            found=found,
            expected=blob.diff_id,
            hint="delete the file and build the stack again",
        )
