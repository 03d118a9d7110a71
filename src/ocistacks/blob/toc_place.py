"""Where a blob's table of contents lies, as the annotations of its descriptor tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.blob.toc import (
    CHECKSUM_KEYS,
    MAXIMUM_TOC_SIZE,
    POSITION_KEYS,
    SKIPPABLE_HEADER_SIZE,
    Part,
)
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSITION: Final = re.compile("([0-9]{1,15}):([0-9]{1,15}):([0-9]{1,15}):1")


@dataclass(frozen=True, kw_only=True, slots=True)
class TocPlace:
    """Where a table of contents lies, compressed, and its digest."""

    part: Part
    checksum: Digest

    @property
    def content_end(self) -> int:
        """The byte of the blob at which the frames with the layer's content end."""
        return self.part.offset - SKIPPABLE_HEADER_SIZE


def find_toc_place(annotations: Mapping[str, str], *, where: str | None = None) -> TocPlace | None:
    """Return where a blob's table of contents lies; None where it has none.

    ``where`` names the blob to people. Format: containers/storage,
    pkg/chunked/internal/minimal/compression.go, which reads two names of each annotation.

    Raises:
        UnsafeContentError: the annotations make no sense, tell it in two ways, or the table is
            too large.
    """
    positions = {annotations.get(key, "") for key in POSITION_KEYS} - {""}
    checksums = {annotations.get(key, "") for key in CHECKSUM_KEYS} - {""}
    if not positions and not checksums:
        return None
    if len(positions) != 1 or len(checksums) != 1:
        raise _senseless(positions | checksums, where)
    match = _POSITION.fullmatch(next(iter(positions)))
    if match is None:
        raise _senseless(positions, where)
    offset, size, uncompressed_size = map(int, match.groups())
    if max(size, uncompressed_size) > MAXIMUM_TOC_SIZE or offset < SKIPPABLE_HEADER_SIZE:
        raise _senseless(positions, where)
    try:
        checksum = Digest(checksums.pop())
    except DigestError as error:
        raise _senseless({error.found or ""}, where) from error
    part = Part(offset=offset, size=size, uncompressed_size=uncompressed_size)
    return TocPlace(part=part, checksum=checksum)


def _senseless(found: set[str], where: str | None) -> UnsafeContentError:
    return UnsafeContentError(
        "A layer's annotations do not tell where its table of contents lies.",
        where=where,
        found="; ".join(sorted(found))[:300],
        expected="one position, OFFSET:SIZE:UNCOMPRESSED:1, and one digest; "
        f"at most {MAXIMUM_TOC_SIZE} bytes",
    )
