"""A blob's table of contents, read from where the blob is, without the blob.

The layer descriptor's annotations say where in the blob it lies and what its SHA-256 is
(docs/blob-format.md). The descriptor stands in a verified manifest, so that the table is as
trustworthy as the manifest is; it is not compared with the tar stream, which nobody has here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.blob.toc import (
    CHECKSUM_KEYS,
    MAXIMUM_TOC_SIZE,
    POSITION_KEYS,
    SKIPPABLE_HEADER_SIZE,
    Toc,
    parse_toc,
)
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource

_POSITION: Final = re.compile("([0-9]{1,15}):([0-9]{1,15}):([0-9]{1,15}):1")


@dataclass(frozen=True, kw_only=True, slots=True)
class TocPlace:
    """Where in a blob its compressed table lies, all in bytes, and the table's digest."""

    offset: int
    size: int
    uncompressed_size: int
    checksum: Digest

    @property
    def content_end(self) -> int:
        """Where the frames with the layer's content end."""
        return self.offset - SKIPPABLE_HEADER_SIZE


def toc_place(blob: Descriptor) -> TocPlace | None:
    """Return where a blob's table of contents lies; None where it has none.

    Raises:
        UnsafeContentError: the annotations make no sense, or the table is too large.
    """
    position = _first(blob, POSITION_KEYS)
    checksum = _first(blob, CHECKSUM_KEYS)
    if position is None or checksum is None:
        return None
    match = _POSITION.fullmatch(position)
    if match is None:
        raise _senseless(blob, position)
    offset, size, uncompressed_size = map(int, match.groups())
    if max(size, uncompressed_size) > MAXIMUM_TOC_SIZE:
        raise _senseless(blob, position)
    try:
        digest = Digest(checksum)
    except DigestError as error:
        raise _senseless(blob, checksum) from error
    return TocPlace(offset=offset, size=size, uncompressed_size=uncompressed_size, checksum=digest)


def read_remote_toc(source: RangeSource, blob: Descriptor) -> Toc | None:
    """Return the table of contents of a layer's blob, None where it has none (gzip).

    Raises:
        DigestError: the table is not the one that the annotations promise.
        RangeRefusedError: the source gives whole blobs only.
        NotFoundError, TransferError: the blob is not there, or cannot be read.
        UnsafeContentError: the annotations or the table make no sense, or are too large.
    """
    place = toc_place(blob)
    if place is None:
        return None

    def read() -> bytes:
        with source.open_part(blob, place.offset, place.size) as chunks:
            return b"".join(chunks)

    content = retried(read)
    try:
        return parse_toc(content, place.uncompressed_size, checksum=place.checksum)
    except (DigestError, UnsafeContentError) as error:
        raise type(error)(
            error.what,
            where=f"blob {blob.digest}",
            found=error.found,
            expected=error.expected,
            hint="push the stack again",
        ) from error


def _first(blob: Descriptor, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := blob.annotation(name))), None)


def _senseless(blob: Descriptor, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "A layer's annotations do not say where its table of contents is.",
        where=f"blob {blob.digest}",
        found=found[:200],
        expected=f"OFFSET:SIZE:UNCOMPRESSED:1 and a sha256, at most {MAXIMUM_TOC_SIZE} bytes",
    )
