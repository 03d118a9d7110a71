"""One material as a stream of bytes from a server, taken up again where a connection breaks."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from ocistacks.errors import DigestError, MaterialError
from ocistacks.redaction import without_secrets
from ocistacks.store.credentials import login_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.progress import Task
    from ocistacks.request.materials import Material
    from ocistacks.store.credentials import IndexCredentials

_CHUNK_BYTES = 1 << 18
_CONNECTIONS = 4
_PAUSE_SECONDS = 0.5
_LARGEST_BYTES = 1 << 36
"""The bound on a file whose lock tells no size."""
_RANGE_START = re.compile(r"bytes (\d+)-")
_WANTS_CREDENTIALS = (requests.codes.unauthorized, requests.codes.forbidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A material at a URL; ``session`` retries what fails before the first byte."""

    material: Material
    url: str
    session: requests.Session
    credentials: IndexCredentials

    @property
    def where(self) -> str:
        """What is asked of the server, without secrets."""
        return f"GET {without_secrets(self.url)}"

    def chunks(self, task: Task, *, start: int = 0) -> Iterator[bytes]:
        """Give the bytes from ``start`` on; a broken connection is taken up by a range request.

        Raises:
            DigestError: the server gives more than the file's size.
            MaterialError: the server does not give the file.
        """
        received = start
        task.advance(start)
        if start and start == self.material.size:
            return
        for connection in range(_CONNECTIONS):
            if connection:
                time.sleep(_PAUSE_SECONDS * 2 ** (connection - 1))
            try:
                for chunk in self._one_connection(received):
                    received += len(chunk)
                    self._bound(received)
                    task.advance(len(chunk))
                    yield chunk
            except requests.RequestException as error:
                broken = self._failure(f"{type(error).__name__}: {error}")
            else:
                size = self.material.size
                if size is None or received == size:
                    return
                broken = self._failure(f"the connection ended after {received} of {size} bytes")
        raise broken

    def _one_connection(self, start: int) -> Iterator[bytes]:
        with self._answer(start) as response:
            dropped = self._repeated(response, start)
            for chunk in response.iter_content(_CHUNK_BYTES):
                kept = chunk[dropped:]
                dropped -= len(chunk) - len(kept)
                if kept:
                    yield kept

    def _answer(self, start: int) -> requests.Response:
        # Else a server may send the file compressed, and its bytes would not be the file's.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            return self.session.get(
                self.url, stream=True, headers=headers, auth=self._credentials()
            )
        except requests.RequestException as error:
            raise self._failure(f"{type(error).__name__}: {error}") from error

    def _repeated(self, response: requests.Response, start: int) -> int:
        """Return how many bytes the server sends once more."""
        if response.status_code == requests.codes.partial_content:
            found = _RANGE_START.match(response.headers.get("Content-Range", ""))
            if found is not None and int(found[1]) <= start:
                return start - int(found[1])
        elif response.status_code == requests.codes.ok:
            return start
        raise MaterialError(
            f"{self.material.name} cannot be fetched.",
            where=self.where,
            found=f"HTTP {response.status_code} {response.reason}",
            expected="HTTP 200" if not start else f"HTTP 206 from byte {start} on, or HTTP 200",
            hint=self._hint(response.status_code),
        )

    def _hint(self, status: int) -> str:
        if status not in _WANTS_CREDENTIALS:
            return "check the index, then run the command again"
        name = self.material.login.name if self.material.login is not None else None
        names = " and ".join(login_variables(name)) if name is not None else None
        return f"give the credentials of the index, with {names or 'a netrc file'}"

    def _credentials(self) -> tuple[str, str] | None:
        """Return those that uv takes for the index, None to let netrc decide."""
        login = self.material.login
        return self.credentials.of(login) if login is not None else None

    def _bound(self, received: int) -> None:
        size = self.material.size
        largest = _LARGEST_BYTES if size is None else size
        if received > largest:
            raise DigestError(
                f"{self.material.name} is larger than its lock says; nothing of it was kept."
                if size is not None
                else f"{self.material.name} does not end; nothing of it was kept.",
                where=self.where,
                found=f"more than {largest} bytes",
                expected=f"{largest} bytes" if size is not None else f"at most {largest} bytes",
            )

    def _failure(self, found: str) -> MaterialError:
        return MaterialError(
            f"{self.material.name} cannot be fetched.",
            where=self.where,
            found=without_secrets(found),
            hint="check the network and proxy settings, then run the command again",
        )
