"""The tar-split stream: what a reader needs to write the tar again from the unpacked files.

Format: JSON lines as github.com/vbatts/tar-split writes them (tar/storage/entry.go). A line of
type 2 holds the bytes up to the end of one entry's header, a line of type 1 stands for the
entry's content and holds the CRC-64 of it. Readers of zstd:chunked parse one header a line of
type 2 and hold it against the table of contents (containers/storage, pkg/chunked).
"""

from __future__ import annotations

from binascii import b2a_base64
from json import JSONEncoder
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ocistacks.blob.pieces import Header

_quote: Final = JSONEncoder(ensure_ascii=False).encode


class TarSplitLines:
    """Numbers the lines of one tar-split stream."""

    def __init__(self) -> None:
        self._position = 0

    def header(self, header: Header) -> str:
        """Return the line for the bytes of a header, and for one without content its other line."""
        line = self._segment(header.segment)
        return line if header.entry.size else line + self._file(header.entry.name, 0, "null")

    def content(self, name: str, size: int, checksum: int) -> str:
        """Return the line for ``size`` bytes of content with the CRC-64/GO-ISO ``checksum``."""
        return self._file(name, size, f'"{_base64(checksum.to_bytes(8, "big"))}"')

    def ending(self, ending: bytes) -> str:
        """Return the line for the bytes that end the archive."""
        return self._segment(ending)

    def _segment(self, segment: bytes) -> str:
        return self._line(f'{{"type":2,"payload":"{_base64(segment)}"')

    def _file(self, name: str, size: int, payload: str) -> str:
        length = f'"size":{size},' if size else ""
        return self._line(f'{{"type":1,"name":{_quote(name)},{length}"payload":{payload}')

    def _line(self, start: str) -> str:
        position = self._position
        self._position += 1
        return f'{start},"position":{position}}}\n'


def _base64(content: bytes) -> str:
    return b2a_base64(content, newline=False).decode("ascii")
