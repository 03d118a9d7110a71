"""The blobs of an image layout on disk (image spec 1.1, image-layout.md): files by digest.

blobs/sha256/HEX        everything, by digest
.partial/HEX            what a run that broke off had of a large blob, for the next one
"""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ocistacks.errors import DigestError, NotFoundError
from ocistacks.files import atomic_file, link_or_copy
from ocistacks.registry.partial import write_over_runs
from ocistacks.registry.source import (
    CHUNK_BYTES,
    ResumableContent,
    bound_part,
    exactly,
    file_chunks,
    file_part,
    part_by_part,
    verified_chunks,
    wrong_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import Content

_PARTIAL_FOLDER: Final = ".partial"


class LayoutBlobs:
    """The blobs in a layout's ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob_path(self, digest: Digest) -> Path:
        """Return where the object of that digest lies, or would lie."""
        return self.folder / "blobs" / "sha256" / digest.hex

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks, verified while they stream (see ``ObjectSource``)."""
        path = self.blob_path(descriptor.digest)
        if not path.is_file():
            raise missing(f"The image layout lacks {descriptor.digest}.", path)
        yield verified_chunks(file_chunks(path), descriptor, str(path))

    @contextmanager
    def open_part(self, descriptor: Descriptor, start: int, size: int) -> Iterator[Iterator[bytes]]:
        """Open a part of a blob; its bytes are not verified (see ``RangeSource``)."""
        bound_part(descriptor, start, size)
        path = self.blob_path(descriptor.digest)
        if not path.is_file():
            raise missing(f"The image layout lacks {descriptor.digest}.", path)
        found = path.stat().st_size
        if found != descriptor.size:
            raise wrong_bytes(str(path), f"{found} bytes", f"{descriptor.size} bytes")
        what = f"A part of the blob {descriptor.digest} cannot be read."
        yield exactly(file_part(path, start, size), size, where=str(path), what=what)

    @contextmanager
    def open_parts(
        self, descriptor: Descriptor, places: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[Iterator[bytes]]]:
        """Open parts of a blob; their bytes are not verified (see ``RangeSource``)."""
        with closing(part_by_part(self, descriptor, places)) as parts:
            yield parts

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there already."""
        return self.blob_path(digest).is_file()

    def write_blob(self, descriptor: Descriptor, content: Content) -> None:
        """Write a blob (see ``ObjectSink``)."""
        if self.has_blob(descriptor.digest):
            return
        if descriptor.size > CHUNK_BYTES and isinstance(content, ResumableContent):
            self._write_over_runs(descriptor, content)
            return
        with content() as chunks, atomic_file(self.blob_path(descriptor.digest)) as stream:
            for chunk in chunks:
                stream.write(chunk)

    def write_blob_file(self, descriptor: Descriptor, path: Path) -> None:
        """Write a blob as a hard link to a verified file, as a copy on another file system.

        Raises:
            DigestError: the file has another size (bytes) than the descriptor says.
            TargetError: the layout cannot be written.
        """
        if self.has_blob(descriptor.digest):
            return
        size = path.stat().st_size
        if size != descriptor.size:
            raise DigestError(
                "A file in the store has another size than its layer.",
                where=str(path),
                found=f"{size} bytes",
                expected=f"{descriptor.size} bytes",
                hint="remove the file and build the layer again",
            )
        link_or_copy(path, self.blob_path(descriptor.digest))

    def _write_over_runs(self, descriptor: Descriptor, content: ResumableContent) -> None:
        folder = self.folder / _PARTIAL_FOLDER

        def opened(have: Path | None) -> AbstractContextManager[Iterator[bytes]]:
            return content() if have is None else content.after(have)

        target = self.blob_path(descriptor.digest)
        write_over_runs(folder / descriptor.digest.hex, target, opened, mode=0o644)
        with suppress(OSError):  # another file is on its way there
            folder.rmdir()


def missing(what: str, path: Path) -> NotFoundError:
    """Return the error for what a layout should hold at ``path``."""
    return NotFoundError(
        what,
        where=str(path),
        hint="the layout is not complete: publish or copy the stack into it again",
    )
