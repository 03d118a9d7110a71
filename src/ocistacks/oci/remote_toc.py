"""A blob's table of contents, read from where the blob is, without the blob.

The layer descriptor's annotations say where in the blob it lies and what its SHA-256 is
(docs/blob-format.md). The descriptor stands in a verified manifest, so that the table is as
trustworthy as the manifest is; it is not compared with the tar stream, which nobody has here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.blob.toc import Toc, parse_toc
from ocistacks.blob.toc_place import TocPlace, find_toc_place
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource


def toc_place(blob: Descriptor) -> TocPlace | None:
    """Return where a blob's table of contents lies; None where it has none.

    Raises:
        UnsafeContentError: the annotations make no sense, or the table is too large.
    """
    return find_toc_place(blob.annotations or {}, where=f"blob {blob.digest}")


def read_remote_toc(source: RangeSource, blob: Descriptor) -> Toc | None:
    """Return the table of contents of a layer's blob, None where it has none (gzip).

    Raises:
        DigestError: the table is not the one that the annotations promise.
        RangeRefusedError: the source gives whole blobs only.
        NotFoundError, TransferError: the blob is not there, or cannot be read.
        UnsafeContentError: the annotations or the table make no sense, or are too large.
    """
    place = toc_place(blob)
    return None if place is None else read_toc_at(source, blob, place)


def read_toc_at(source: RangeSource, blob: Descriptor, place: TocPlace) -> Toc:
    """Return the table of contents that lies at ``place``; raises as ``read_remote_toc`` does."""

    def read() -> bytes:
        with source.open_part(blob, place.part.offset, place.part.size) as chunks:
            return b"".join(chunks)

    content = retried(read)
    try:
        return parse_toc(content, place.part.uncompressed_size, checksum=place.checksum)
    except (DigestError, UnsafeContentError) as error:
        raise type(error)(
            error.what,
            where=f"blob {blob.digest}",
            found=error.found,
            expected=error.expected,
            hint="push the stack again",
        ) from error
