"""A blob's table of contents, read on its own from wherever the blob lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.blob.toc import (
    CHECKSUM_KEYS,
    MAXIMUM_TOC_SIZE,
    POSITION_KEYS,
    SKIPPABLE_HEADER_SIZE,
    parse_toc,
)
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError

if TYPE_CHECKING:
    from ocistacks.blob.toc import Toc
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource

_POSITION: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,9}):([0-9]{1,9}):1")


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
    """Return where a blob's table of contents lies, None where its descriptor tells of none.

    Format: containers/storage, pkg/chunked/internal/minimal/compression.go, the annotations
    ``manifest-position`` and ``manifest-checksum``.

    Raises:
        UnsafeContentError: what the descriptor says makes no sense.
    """
    position = _first(blob, POSITION_KEYS)
    checksum = _first(blob, CHECKSUM_KEYS)
    if position is None or checksum is None:
        return None
    numbers = _POSITION.fullmatch(position)
    try:
        digest = Digest(checksum)
    except DigestError as error:
        raise _senseless(blob, checksum) from error
    if numbers is None:
        raise _senseless(blob, position)
    offset, size, uncompressed_size = map(int, numbers.groups())
    if (
        offset < SKIPPABLE_HEADER_SIZE
        or offset + size > blob.size
        or max(size, uncompressed_size) > MAXIMUM_TOC_SIZE
    ):
        raise _senseless(blob, position)
    return TocPlace(offset=offset, size=size, uncompressed_size=uncompressed_size, checksum=digest)


def read_remote_toc(source: RangeSource, blob: Descriptor, place: TocPlace) -> Toc:
    """Return a blob's table of contents, verified, with one request and without the blob.

    Raises:
        DigestError: it is not the table that the manifest promises.
        RangeRefusedError: the source gives whole blobs only.
        NotFoundError, TransferError: the blob cannot be read.
        UnsafeContentError: the table is malformed.
    """
    with source.open_part(blob, place.offset, place.size) as chunks:
        content = b"".join(chunks)
    return parse_toc(content, place.uncompressed_size, checksum=place.checksum)


def _first(blob: Descriptor, keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := blob.annotation(key)) is not None), None)


def _senseless(blob: Descriptor, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "A blob's descriptor does not say where its table of contents lies.",
        where=blob.digest,
        found=found[:200],
        expected=f"a place within the blob's {blob.size} bytes, and a SHA-256 digest",
    )
