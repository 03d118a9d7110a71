"""The two ends of a transfer: where objects come from, and where they go.

A registry and an image layout on disk are both; freshly assembled objects over the local store
are a source. What a source gives is verified: a reader may write it under its final name
when the stream ends without an error.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TransferError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ocistacks.registry.model import Descriptor

    Content = Callable[[], AbstractContextManager[Iterator[bytes]]]
    """Opens a blob's bytes from their beginning; it may be called again after a failure."""

CHUNK_BYTES = 1 << 20


class ObjectSource(Protocol):
    """Where objects come from."""

    def resolve(self, target: str | None) -> Descriptor:
        """Return the descriptor of the manifest or index that a tag or digest names.

        None stands for the tag ``latest``, in an image layout else for the only one there is.
        Raises NotFoundError where there is none.
        """

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Return a manifest's or index's bytes, verified; raise NotFoundError or DigestError."""

    def open_blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open a blob as chunks of about a megabyte.

        Size and digest are verified while it streams: instead of the last chunk, DigestError is
        raised for bytes that are not those of the descriptor. Raises NotFoundError.
        """

    def describe(self, descriptor: Descriptor) -> str:
        """Return how messages name an object of this source."""


class ObjectSink(Protocol):
    """Where objects go. An object appears under its digest complete or not at all."""

    @property
    def proves_parts(self) -> bool:
        """Whether the sink checks, as registries do, that a manifest's parts are there."""

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there already."""

    def has_manifest(self, digest: Digest) -> bool:
        """Whether the manifest or index is there already."""

    def find(self, target: str) -> Descriptor | None:
        """Return what a tag or digest names, None if nothing is there."""

    def write_blob(self, descriptor: Descriptor, content: Content) -> None:
        """Write a blob, whose ``content`` a source has verified when it ends."""

    def write_manifest(self, content: bytes, media_type: str, tag: str | None) -> None:
        """Write a manifest or index, all of whose parts are there, and let ``tag`` name it."""

    def mount_blob(self, digest: Digest, from_repository: str) -> bool:
        """Let another repository of the same registry share its blob; False where it cannot."""


@runtime_checkable
class RangeSource(Protocol):
    """A source that gives parts of a blob."""

    def open_part(
        self, descriptor: Descriptor, start: int, size: int
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open ``size`` bytes of a blob from byte ``start`` on, as chunks of about a megabyte.

        They are NOT verified: a blob's digest says nothing of its parts. Whoever takes them needs a
        digest of the part. What is promised is their number. Raises NotFoundError,
        RangeRefusedError where only the whole blob can be had, TransferError for another range,
        TemporaryError where the connection breaks, UnsafeContentError for a part outside the blob.
        """

    def open_parts(
        self, descriptor: Descriptor, places: Sequence[tuple[int, int]]
    ) -> AbstractContextManager[Iterator[Iterator[bytes]]]:
        """Open parts, (start, size) in bytes, that come behind each other, with few requests.

        Each part is given as its chunks, which have to be taken before the next part is. For all
        else, including what is raised, see ``open_part``.
        """


@runtime_checkable
class ResumableSource(Protocol):
    """A source that goes on with a blob of which a file holds the first bytes."""

    def open_rest(
        self, descriptor: Descriptor, have: Path
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open what comes after the bytes of ``have``, verified together with those.

        Raises as ``open_blob`` does, DigestError also for what ``have`` holds.
        """


@runtime_checkable
class ResumableContent(Protocol):
    """A blob's content that can also be had without its first bytes."""

    def __call__(self) -> AbstractContextManager[Iterator[bytes]]:
        """Open the content from its beginning."""

    def after(self, have: Path) -> AbstractContextManager[Iterator[bytes]]:
        """Open what comes after the bytes of ``have`` (see ``ResumableSource``)."""


@runtime_checkable
class FileSource(Protocol):
    """A source whose blobs are files that were verified when they were written."""

    def blob_file(self, descriptor: Descriptor) -> Path | None:
        """Return the file of a blob, None where the blob is elsewhere."""


@runtime_checkable
class FileSink(Protocol):
    """A sink that can share a file instead of copying it."""

    def write_blob_file(self, descriptor: Descriptor, path: Path) -> None:
        """Write a blob from a verified file: as a hard link where that is possible."""


def verified_chunks(
    chunks: Iterable[bytes], descriptor: Descriptor, where: str, *, have: Path | None = None
) -> Iterator[bytes]:
    """Yield ``chunks`` while hashing them, and keep back the last one until all are verified.

    A receiver therefore never has the whole of a wrong blob. ``where`` names the blob's place;
    ``have`` is a file with the bytes that come before the chunks.

    Raises:
        DigestError: size (bytes) or digest are not the descriptor's.
    """
    hasher = hashlib.sha256()
    received = 0
    for chunk in file_chunks(have) if have is not None else ():
        received += len(chunk)
        hasher.update(chunk)
    held: bytes | None = None
    for chunk in chunks:
        received += len(chunk)
        if received > descriptor.size:
            raise wrong_bytes(
                where, f"more than {descriptor.size} bytes", f"{descriptor.size} bytes"
            )
        hasher.update(chunk)
        if held is not None:
            yield held
        held = chunk
    if received != descriptor.size:
        raise wrong_bytes(where, f"{received} bytes", f"{descriptor.size} bytes")
    digest = Digest.from_hex(hasher.hexdigest())
    if digest != descriptor.digest:
        raise wrong_bytes(where, digest, descriptor.digest)
    if held is not None:
        yield held


def verified_document(content: bytes, descriptor: Descriptor, where: str) -> bytes:
    """Return ``content`` if it has the descriptor's digest; raise DigestError if not."""
    digest = Digest.of_bytes(content)
    if digest != descriptor.digest:
        raise wrong_bytes(where, digest, descriptor.digest)
    return content


def read_blob(source: ObjectSource, descriptor: Descriptor) -> bytes:
    """Return a small blob, such as a configuration, verified; bound its size before."""
    with source.open_blob(descriptor) as chunks:
        return b"".join(chunks)


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's content in chunks."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def file_part(path: Path, start: int, size: int) -> Iterator[bytes]:
    """Yield at most ``size`` bytes of a file from byte ``start`` on, in chunks."""
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(min(CHUNK_BYTES, size)):
            size -= len(chunk)
            yield chunk


def part_by_part(
    source: RangeSource, descriptor: Descriptor, places: Sequence[tuple[int, int]]
) -> Generator[Iterator[bytes]]:
    """Yield parts of a blob as ``RangeSource.open_parts`` does, each opened by itself."""
    for start, size in places:
        with source.open_part(descriptor, start, size) as part:
            yield part


def bound_part(descriptor: Descriptor, start: int, size: int) -> None:
    """Raise UnsafeContentError for a part that does not lie in the blob; offsets are strangers'."""
    if start >= 0 and size > 0 and start + size <= descriptor.size:
        return
    raise UnsafeContentError(
        "A part of a blob is asked for that does not lie in it.",
        where=descriptor.digest,
        found=f"{size} bytes from byte {start} on",
        expected=f"a part of {descriptor.size} bytes",
    )


def exactly(chunks: Iterable[bytes], size: int, *, where: str, what: str) -> Iterator[bytes]:
    """Yield chunks that are ``size`` bytes together; never more than those.

    Raises:
        TransferError: there are more or fewer bytes.
    """
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > size:
            break
        yield chunk
    if received != size:
        found = f"{received} bytes" if received < size else f"more than {size} bytes"
        raise TransferError(what, where=where, found=found, expected=f"{size} bytes")


def wrong_bytes(where: str, found: str, expected: str) -> DigestError:
    """Return the error for bytes that are not those which a digest or a size promised."""
    return DigestError(
        "What was received is not what was promised; nothing of it was kept.",
        where=where,
        found=found,
        expected=expected,
        hint="try again; if it stays so, the copy there is damaged and must be pushed again",
    )
