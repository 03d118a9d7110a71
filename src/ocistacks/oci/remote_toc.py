"""A blob's table of contents, read from where the blob is, without the blob.

The layer descriptor's annotations say where in the blob it lies and what its SHA-256 is
(docs/blob-format.md). The descriptor stands in a verified manifest, so that the table is as
trustworthy as the manifest is; it is not compared with the tar stream, which nobody has here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocistacks.blob.toc import (
    CHECKSUM_KEYS,
    MAXIMUM_TOC_SIZE,
    POSITION_KEYS,
    Part,
    Toc,
    parse_toc,
)
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import RangeSource

_POSITION = re.compile("([0-9]{1,15}):([0-9]{1,15}):([0-9]{1,15}):1")


def read_remote_toc(source: RangeSource, descriptor: Descriptor) -> Toc | None:
    """Return the table of contents of a layer's blob, None where it has none (gzip).

    Raises:
        DigestError: the table is not the one that the annotations promise.
        RangeRefusedError: the source gives whole blobs only.
        NotFoundError, TransferError: the blob is not there, or cannot be read.
        UnsafeContentError: the annotations or the table make no sense, or are too large.
    """
    located = locate_toc(descriptor)
    if located is None:
        return None
    part, checksum = located

    def read() -> bytes:
        with source.open_part(descriptor, part.offset, part.size) as chunks:
            return b"".join(chunks)

    content = retried(read)
    try:
        return parse_toc(content, part.uncompressed_size, checksum=checksum)
    except (DigestError, UnsafeContentError) as error:
        raise type(error)(
            error.what,
            where=f"blob {descriptor.digest}",
            found=error.found,
            expected=error.expected,
            hint="push the stack again",
        ) from error


def locate_toc(descriptor: Descriptor) -> tuple[Part, Digest] | None:
    """Return where a blob's table of contents lies and its digest; None where it has none.

    Raises:
        UnsafeContentError: the annotations make no sense, or the table is too large.
    """
    position = _first(descriptor, POSITION_KEYS)
    checksum = _first(descriptor, CHECKSUM_KEYS)
    if position is None or checksum is None:
        return None
    match = _POSITION.fullmatch(position)
    if match is None:
        raise _senseless(descriptor, position)
    offset, size, uncompressed_size = map(int, match.groups())
    if max(size, uncompressed_size) > MAXIMUM_TOC_SIZE:
        raise _senseless(descriptor, position)
    try:
        digest = Digest(checksum)
    except DigestError as error:
        raise _senseless(descriptor, checksum) from error
    return Part(offset=offset, size=size, uncompressed_size=uncompressed_size), digest


def _first(descriptor: Descriptor, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := descriptor.annotation(name))), None)


def _senseless(descriptor: Descriptor, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "A layer's annotations do not say where its table of contents is.",
        where=f"blob {descriptor.digest}",
        found=found[:200],
        expected=f"OFFSET:SIZE:UNCOMPRESSED:1 and a sha256, at most {MAXIMUM_TOC_SIZE} bytes",
    )
