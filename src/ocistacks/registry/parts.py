"""Parts of a blob: what a server is asked for, and what of its answer counts (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocistacks.errors import TransferError
from ocistacks.redaction import without_secrets
from ocistacks.registry.errors import RangeRefusedError

if TYPE_CHECKING:
    import requests

    from ocistacks.registry.model import Descriptor

PARTIAL_CONTENT = 206
WITHOUT_RANGES = (200, 416, 501)
"""The statuses that say: not this range, or none at all."""
WITHOUT_SEVERAL_RANGES = (*WITHOUT_RANGES, 400)
"""The statuses that say: not so many ranges."""
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


def range_headers(*places: tuple[int, int]) -> dict[str, str]:
    """Return the headers that ask for parts, (start, size) in bytes, of a blob as it is stored."""
    ranges = ",".join(f"{start}-{start + size - 1}" for start, size in places)
    return {"Accept-Encoding": "identity", "Range": f"bytes={ranges}"}


def is_range(told: str, start: int, size: int, descriptor: Descriptor) -> bool:
    """Whether a Content-Range tells of just that part of a blob."""
    match = _CONTENT_RANGE.fullmatch(told)
    return (
        match is not None
        and (int(match[1]), int(match[2])) == (start, start + size - 1)
        and match[3] in {"*", str(descriptor.size)}
    )


def check_part_answer(
    response: requests.Response, descriptor: Descriptor, start: int, size: int, what: str
) -> None:
    """Accept an answer that gives exactly the part asked for; its body is not looked at.

    Raises:
        RangeRefusedError: the server gives no ranges of this blob.
        TransferError: the server gives another range, or says nothing clear about it.
    """
    where = f"GET {without_secrets(response.url)}"
    last = start + size - 1
    if response.status_code != PARTIAL_CONTENT:
        raise RangeRefusedError(
            what,
            where=where,
            found=f"HTTP {response.status_code} {response.reason or ''}".rstrip(),
            expected=f"HTTP 206 with bytes {start} to {last}",
            hint="the server has no ranges: the blob can be read as a whole only",
        )
    told = response.headers.get("Content-Range", "")
    length = response.headers.get("Content-Length", str(size))
    if is_range(told, start, size, descriptor) and length == str(size):
        return
    raise TransferError(
        what,
        where=where,
        found=f"Content-Range: {told[:100] or 'none'}, Content-Length: {length[:100]}",
        expected=f"Content-Range: bytes {start}-{last}/{descriptor.size}, Content-Length: {size}",
        hint="the server or a proxy answers with another part than it was asked for",
    )
