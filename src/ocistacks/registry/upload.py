"""Blobs on their way into a registry (distribution spec 1.1, "Pushing blobs").

    POST                    begins, and says where it goes on
    PATCH                   the bytes, in one request
    GET                     after a break: how far they came, and where it goes on
    PUT ?digest=            ends: the registry checks the digest

A small blob goes with the PUT instead. So does a large one where the registry takes no PATCH.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from ocistacks.errors import NotFoundError, TransferError
from ocistacks.http_session import READ_SECONDS
from ocistacks.redaction import without_secrets
from ocistacks.registry.download import without_first
from ocistacks.registry.errors import TemporaryError
from ocistacks.registry.retry import Patience
from ocistacks.registry.source import CHUNK_BYTES
from ocistacks.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from ocistacks.digests import Digest
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import Content
    from ocistacks.registry.transport import Transport

_CREATED, _ACCEPTED = 201, 202
_STATUS_KNOWN = (200, 202, 204)
_REFUSES_PATCH = (400, 404, 405, 411, 416, 501)
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,19})")
_OCTETS = "application/octet-stream"
_SLOWEST_COMMIT_BYTES_PER_SECOND = 10_000_000
"""A registry answers a finished upload when it has stored it: the larger, the later."""


class _RefusedError(Exception):
    """The registry does not take the blob by PATCH, or lost what it had of it."""


class Uploader:
    """Sends blobs to one repository; ``has_blob`` asks it for one."""

    def __init__(self, transport: Transport, has_blob: Callable[[Digest], bool]) -> None:
        self._transport = transport
        self._has_blob = has_blob
        self._takes_patches = True

    def send(self, blob: Descriptor, content: Content) -> None:
        """Send a blob; where the connection breaks, go on where the registry says.

        Raises:
            AuthError, TransferError: the registry does not take it.
        """
        upload = _Upload(self._transport, blob, content, self._has_blob)
        if self._takes_patches and blob.size > CHUNK_BYTES:
            try:
                upload.in_steps()
            except _RefusedError:
                self._takes_patches = False
            else:
                return
        upload.at_once()


class _Upload:
    def __init__(
        self,
        transport: Transport,
        blob: Descriptor,
        content: Content,
        has_blob: Callable[[Digest], bool],
    ) -> None:
        self._transport = transport
        self._blob = blob
        self._content = content
        self._has_blob = has_blob
        self._what = f"The blob {blob.digest} cannot be sent to the registry."
        self._patience = Patience()
        self._answer_seconds = READ_SECONDS + blob.size / _SLOWEST_COMMIT_BYTES_PER_SECOND

    def in_steps(self) -> None:
        """Send the bytes by PATCH, and end with a PUT."""
        location = self._begin()
        start = 0
        broke_off = False
        while start < self._blob.size:
            try:
                location, start = self._patch(location, start)
            except TemporaryError as error:
                broke_off = True
                self._patience.pause(error)
                location, reached = self._status(location)
                if reached > start:
                    self._patience.progressed()
                start = reached
        try:
            self._finish(location)
        except TransferError as error:
            # What stood before and behind a break does not fit together.
            if broke_off:
                raise _RefusedError from error
            raise

    def at_once(self) -> None:
        """Send the bytes with the PUT."""
        while True:
            request = Request(
                verb="PUT",
                url=self._with_digest(self._begin()),
                headers={"Content-Type": _OCTETS},
                body=lambda: self._body(0),
                body_size=self._blob.size,
                read_seconds=self._answer_seconds,
                may_repeat=False,
            )
            try:
                with self._transport.send(request, what=self._what, expected=(_CREATED,)):
                    return
            except TemporaryError as error:
                self._patience.pause(error)
                if self._has_blob(self._blob.digest):  # only the answer was lost
                    return

    def _begin(self) -> str:
        request = Request(verb="POST", url=self._transport.url("blobs/uploads/"))
        with self._transport.send(
            request, what=self._what, expected=(_ACCEPTED,), patience=self._patience
        ) as response:
            return self._transport.location(response)

    def _patch(self, location: str, start: int) -> tuple[str, int]:
        """Send the bytes from ``start`` on; return where to go on, and how far they came."""
        request = Request(
            verb="PATCH",
            url=location,
            headers={
                "Content-Type": _OCTETS,
                "Content-Range": f"{start}-{self._blob.size - 1}",
            },
            body=lambda: self._body(start),
            body_size=self._blob.size - start,
            read_seconds=self._answer_seconds,
            may_repeat=False,
        )
        expected = (_ACCEPTED, *_REFUSES_PATCH)
        with self._transport.send(request, what=self._what, expected=expected) as response:
            if response.status_code != _ACCEPTED:
                raise _RefusedError
            reached = self._reached(response) or self._blob.size
            if reached <= start:  # it took the request, and says that it has none of it
                raise _RefusedError
            return self._transport.location(response), reached

    @contextmanager
    def _body(self, start: int) -> Iterator[Iterator[bytes]]:
        """Open the content from byte ``start`` on."""

        def watched(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                self._patience.alive()
                yield chunk

        with self._content() as chunks:
            yield watched(without_first(chunks, start) if start else chunks)

    def _status(self, location: str) -> tuple[str, int]:
        """Return where an upload goes on, and how far it came; begin anew where it is forgotten."""
        request = Request(verb="GET", url=location)
        expected = (*_STATUS_KNOWN, *_REFUSES_PATCH)
        with self._transport.send(
            request, what=self._what, expected=expected, patience=self._patience
        ) as response:
            reached = self._reached(response)
            if response.status_code in _STATUS_KNOWN and reached is not None:
                return self._transport.location(response), reached
        return self._begin(), 0

    def _finish(self, location: str) -> None:
        request = Request(
            verb="PUT",
            url=self._with_digest(location),
            headers={"Content-Type": _OCTETS},
            read_seconds=self._answer_seconds,
        )
        try:
            with self._transport.send(
                request, what=self._what, expected=(_CREATED,), patience=self._patience
            ):
                pass
        except NotFoundError:
            if not self._has_blob(self._blob.digest):  # else only an earlier answer was lost
                raise

    def _reached(self, response: requests.Response) -> int | None:
        """Return how many bytes the registry says it has, None where it says nothing clear."""
        told = response.headers.get("Range", "")
        match = _RANGE.fullmatch(told)
        if match is None or match[1] == "0":  # some say 0-0 for one byte, others for none
            return None
        reached = int(match[1]) + 1
        if reached <= self._blob.size:
            return reached
        raise TransferError(
            self._what,
            where=f"{response.request.method} {without_secrets(response.url)}",
            found=f"Range: {told}",
            expected=f"at most {self._blob.size} bytes",
            hint="the registry or a proxy says that it has more of the blob than there is",
        )

    def _with_digest(self, location: str) -> str:
        separator = "&" if "?" in location else "?"
        return f"{location}{separator}digest={quote(self._blob.digest, safe='')}"
