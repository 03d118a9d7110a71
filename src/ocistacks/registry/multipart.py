"""Several parts of a blob in one answer (RFC 9110, sections 14.6 and 15.3.7.2).

The lengths of the parts are known, because they were asked for: what is between them is read as
lines, and their bytes are never searched for the delimiter.
"""

from __future__ import annotations

import io
from email.message import Message
from http.client import HTTPException, parse_headers
from typing import TYPE_CHECKING, BinaryIO, Final

from ocistacks.redaction import without_secrets
from ocistacks.registry.download import received_chunks
from ocistacks.registry.errors import RangeRefusedError, interrupted
from ocistacks.registry.parts import PARTIAL_CONTENT, is_range
from ocistacks.registry.source import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from ocistacks.registry.model import Descriptor

_LONGEST_LINE_BYTES: Final = 1000
# What may come behind the last part: its line end, and the last delimiter.
_LONGEST_END_BYTES: Final = 1000


def read_parts(
    response: requests.Response,
    descriptor: Descriptor,
    places: Sequence[tuple[int, int]],
    what: str,
) -> Iterator[Iterator[bytes]]:
    """Yield each part, (start, size) in bytes, as its chunks, which have to be taken first.

    Raises:
        RangeRefusedError: the server gives other parts, or another order of them, or one only. It
            may do so, and be asked for one part after the other.
        TemporaryError: the answer breaks off.
    """
    delimiter = _delimiter(response)
    if response.status_code != PARTIAL_CONTENT or not delimiter:
        raise _refused(response, what, f"HTTP {response.status_code}, {_content_type(response)}")
    raw: io.RawIOBase = _Chunks(received_chunks(response, response.url, what))
    body = io.BufferedReader(raw, CHUNK_BYTES)
    for start, size in places:
        line = body.readline(_LONGEST_LINE_BYTES)
        if line == b"\r\n":  # the end of the part before
            line = body.readline(_LONGEST_LINE_BYTES)
        if line.rstrip() != delimiter:
            raise _refused(response, what, repr(line[:100]))
        try:
            told = str(parse_headers(body).get("Content-Range", ""))
        except HTTPException as error:
            raise _refused(response, what, str(error)) from error
        if not is_range(told, start, size, descriptor):
            raise _refused(response, what, f"Content-Range: {told[:100]}")
        yield _part(body, size, response.url, what)
    body.read(_LONGEST_END_BYTES)  # what is read to its end leaves the connection for the next


def _part(body: BinaryIO, size: int, url: str, what: str) -> Iterator[bytes]:
    while size:
        chunk = body.read(min(size, CHUNK_BYTES))
        if not chunk:
            raise interrupted(EOFError(f"{size} more bytes expected"), url, what)
        size -= len(chunk)
        yield chunk


def _delimiter(response: requests.Response) -> bytes:
    """Return the line that comes before each part, nothing where the answer has no parts."""
    message = Message()
    message["Content-Type"] = _content_type(response)
    if message.get_content_type() != "multipart/byteranges":
        return b""
    boundary = message.get_boundary("")
    return f"--{boundary}".encode() if boundary else b""


def _content_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "")


def _refused(response: requests.Response, what: str, found: str) -> RangeRefusedError:
    return RangeRefusedError(
        what,
        where=f"GET {without_secrets(response.url)}",
        found=found,
        expected="the parts that were asked for, in their order",
    )


class _Chunks(io.RawIOBase):
    """Chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
