"""Keeping the table of contents of a blob whose bytes pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.blob.toc import FOOTER_SIZE, parse_footer, parse_toc
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.toc import Toc
    from ocistacks.blob.toc_place import TocPlace


class TocCapture:
    """Keeps the table of contents that lies at ``place``, and the blob's footer."""

    def __init__(self, place: TocPlace) -> None:
        self._place = place
        self._position = 0
        self._table = bytearray()
        self._footer = b""

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks of a blob as they are."""
        for chunk in chunks:
            self._keep(chunk)
            yield chunk

    def toc(self) -> Toc:
        """Return the table when all chunks have passed.

        Raises:
            DigestError: it is not the one that the annotations promise.
            UnsafeContentError: it is malformed.
        """
        size = self._place.part.uncompressed_size
        return parse_toc(bytes(self._table), size, checksum=self._place.checksum)

    def require_footer(self) -> None:
        """Refuse a blob whose own end names another table than its annotations.

        Readers that have annotations, as all of ours, do not need it.
        """
        footer = parse_footer(self._footer)
        if footer.toc != self._place.part:
            raise UnsafeContentError(
                "A blob's end names another table of contents than its annotations.",
                found=str(footer.toc),
                expected=str(self._place.part),
            )

    def _keep(self, chunk: bytes) -> None:
        self._footer = (self._footer + chunk[-FOOTER_SIZE:])[-FOOTER_SIZE:]
        start, self._position = self._position, self._position + len(chunk)
        part = self._place.part
        if self._position > part.offset:
            last = max(part.offset + part.size - start, 0)
            self._table += chunk[max(part.offset - start, 0) : last]
