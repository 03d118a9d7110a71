"""A blob from a registry over as many connections as it takes, from any byte on."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import requests

from ocistacks.redaction import without_secrets
from ocistacks.registry.errors import TemporaryError, interrupted
from ocistacks.registry.parts import (
    PARTIAL_CONTENT,
    WITHOUT_RANGES,
    check_part_answer,
    range_headers,
)
from ocistacks.registry.retry import Patience
from ocistacks.registry.source import CHUNK_BYTES
from ocistacks.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.transport import Transport

_OK = 200


class Download:
    """The bytes of a blob from byte ``start`` on; they are not verified here.

    Where a connection breaks, a range request takes up the rest. A server without ranges sends the
    whole again, of which is dropped what was had already.
    """

    def __init__(self, transport: Transport, blob: Descriptor, *, start: int = 0) -> None:
        self._transport = transport
        self._blob = blob
        self._url = transport.url(f"blobs/{blob.digest}")
        self._what = f"The blob {blob.digest} cannot be read."
        self.where = f"GET {without_secrets(self._url)}"
        self._received = start
        self._has_ranges = True
        self._patience = Patience()
        self._answer = ExitStack()
        self._chunks: Iterator[bytes] = iter(())

    def __enter__(self) -> Self:
        """Ask for the blob, unless all of it was had before.

        Raises:
            AuthError, NotFoundError, TransferError: the registry does not give it.
        """
        if self._received < self._blob.size or not self._blob.size:
            self._ask()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._answer.close()

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes as chunks of about a megabyte.

        Raises:
            TransferError: connections break again and again.
        """
        while True:
            try:
                for chunk in self._chunks:
                    self._received += len(chunk)
                    self._patience.progressed()
                    yield chunk
            except TemporaryError as error:
                self._answer.close()
                self._patience.pause(error)
                self._ask()
            else:
                return

    def _ask(self) -> None:
        """Send the request for what is still to come."""
        start = self._received
        if start and self._has_ranges and start < self._blob.size:
            size = self._blob.size - start
            request = Request(verb="GET", url=self._url, headers=range_headers((start, size)))
            response = self._send(request, (PARTIAL_CONTENT, *WITHOUT_RANGES))
            if response.status_code == PARTIAL_CONTENT:
                check_part_answer(response, self._blob, start, size, self._what)
                self._chunks = received_chunks(response, self._url, self._what, size=size)
                return
            self._has_ranges = False
            if response.status_code != _OK:
                self._answer.close()
                self._ask()
                return
        else:
            request = Request(verb="GET", url=self._url, headers={"Accept-Encoding": "identity"})
            response = self._send(request, (_OK,))
        whole = received_chunks(response, self._url, self._what, size=self._blob.size)
        self._chunks = without_first(whole, start)

    def _send(self, request: Request, expected: tuple[int, ...]) -> requests.Response:
        return self._answer.enter_context(
            self._transport.send(
                request, what=self._what, expected=expected, patience=self._patience
            )
        )


def received_chunks(
    response: requests.Response, url: str, what: str, *, size: int | None = None
) -> Iterator[bytes]:
    """Yield an answer's body, which should be ``size`` bytes long.

    Raises:
        TemporaryError: it breaks off.
    """
    received = 0
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            received += len(chunk)
            yield chunk
    except requests.RequestException as error:
        raise interrupted(error, url, what) from error
    is_delimited = {"Content-Length", "Transfer-Encoding"} & response.headers.keys()
    if size is not None and received < size and not is_delimited:
        raise interrupted(EOFError(f"{received} bytes of {size}"), url, what)


def without_first(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield chunks without the first ``size`` bytes."""
    for chunk in chunks:
        kept = chunk[size:]
        size -= len(chunk) - len(kept)
        if kept:
            yield kept
