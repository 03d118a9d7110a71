"""HTTP requests to one repository of a registry: authorized, timed, with clear errors."""

from __future__ import annotations

import ipaddress
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests

from ocistacks.errors import AuthError, UnsafeContentError
from ocistacks.http_session import CONNECT_SECONDS, READ_SECONDS, new_session
from ocistacks.redaction import without_secrets
from ocistacks.registry.certificates import certificates_of
from ocistacks.registry.credentials import find_credentials
from ocistacks.registry.errors import TemporaryError, refused, unreachable
from ocistacks.registry.retry import Patience
from ocistacks.registry.token_client import HeaderAuth, RegistryTokenClient

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ocistacks.registry.credential_values import Credentials
    from ocistacks.registry.source import Content

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_UNAUTHORIZED = 401


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request; ``body_size`` in bytes, ``read_seconds`` how long its answer may take.

    ``may_repeat`` is False where after a failure something else comes first.
    """

    verb: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Content | None = None
    body_size: int = 0
    read_seconds: float | None = None
    may_repeat: bool = True

    def data(self, chunks: Iterator[bytes]) -> _SizedBody | bytes:
        """Return the body as requests sends it with Content-Length and without chunk coding."""
        return _SizedBody(chunks, self.body_size) if self.body_size else b""


class Transport:
    """One repository's HTTP, or with an empty name the registry's; safe for several threads.

    Without ``credentials`` those are used that are kept for it.
    """

    def __init__(
        self,
        host: str,
        repository: str,
        *,
        environment: Mapping[str, str],
        insecure: bool = False,
        credentials: Credentials | None = None,
    ) -> None:
        is_hub = host == _DOCKER_HUB
        self.host = host
        self.repository = (
            f"library/{repository}"
            if is_hub and repository and "/" not in repository
            else repository
        )
        certificates = certificates_of(host, environment)
        self.plain = insecure or (is_loopback(host) and certificates is None)
        scheme = "http" if self.plain else "https"
        api = f"{scheme}://{_DOCKER_HUB_API if is_hub else host}/v2/"
        self.base_url = f"{api}{self.repository}/" if repository else api
        self._given = credentials
        self._insecure = insecure
        self._environment = environment
        self._session = new_session(environment, attempts=1, certificates=certificates)
        # Some registries take a client that keeps cookies for a browser, and want more of them.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if is_loopback(host):
            self._session.trust_env = False  # no proxy between this machine and itself
        self._authorization: str | None = None
        self._credentials: Credentials | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def url(self, path: str) -> str:
        """Return the URL of a path in the repository (distribution spec 1.1, "Endpoints")."""
        return self.base_url + path

    @contextmanager
    def send(
        self,
        request: Request,
        *,
        what: str,
        expected: Collection[int],
        patience: Patience | None = None,
    ) -> Iterator[requests.Response]:
        """Send a request and give its answer, whose body is not read yet.

        What fails for a moment is sent again while ``patience`` lasts, if it ``may_repeat``.
        ``what`` is the sentence an error begins with.

        Raises:
            AuthError, NotFoundError, TransferError: the status is none of ``expected``.
            TransferError: no answer.
        """
        patience = patience or Patience()
        while True:
            try:
                response = self._answer(request, what, expected)
            except TemporaryError as error:
                if not request.may_repeat:
                    raise
                patience.pause(error)
            else:
                break
        with response:
            yield response

    def _answer(self, request: Request, what: str, expected: Collection[int]) -> requests.Response:
        ours = urlsplit(request.url)[:2] == urlsplit(self.base_url)[:2]
        sent = self._authorization if ours else None
        response = self._send(request, sent, what)
        if response.status_code == _UNAUTHORIZED and ours:
            response = self._send_authorized(request, response, sent, what)
        if response.status_code not in expected:
            raise refused(response, what, has_credentials=self._credentials is not None)
        return response

    def _send_authorized(
        self, request: Request, challenge: requests.Response, sent: str | None, what: str
    ) -> requests.Response:
        """Send a request again as the refusal asks; give the refusal if there is no way."""
        try:
            authorization = self._authorize(challenge, sent, what)
        except BaseException:
            challenge.close()
            raise
        if authorization is None:
            return challenge
        challenge.close()
        return self._send(request, authorization, what)

    def _send(self, request: Request, authorization: str | None, what: str) -> requests.Response:
        opened = request.body() if request.body is not None else nullcontext(None)
        with opened as chunks:
            try:
                return self._session.request(
                    request.verb,
                    request.url,
                    headers=dict(request.headers),
                    data=None if chunks is None else request.data(chunks),
                    stream=True,
                    # The first is also how long a server may take nothing of a body.
                    timeout=(
                        READ_SECONDS if request.body_size else CONNECT_SECONDS,
                        request.read_seconds or READ_SECONDS,
                    ),
                    auth=HeaderAuth(authorization),
                    verify=self._session.verify,  # else os.environ would come first
                )
            except requests.RequestException as error:
                raise unreachable(error, request.verb, request.url, what) from error

    def location(self, response: requests.Response) -> str:
        """Return where an upload goes on; raise UnsafeContentError for an unencrypted place."""
        url = urljoin(response.url, response.headers.get("Location", ""))
        self._refuse_plain(url, "The registry sends an upload over an unencrypted connection.")
        return url

    def _authorize(self, response: requests.Response, sent: str | None, what: str) -> str | None:
        """Return a fresh Authorization header, once for all threads that were refused."""
        from ocistacks.registry.oras_session import authorization  # takes 0.2 s, and seldom needed

        with self._lock:
            if self._authorization != sent:
                return self._authorization
            self._credentials = self._given or find_credentials(
                self.host, self.repository, self._environment
            )
            client = RegistryTokenClient(
                self._session,
                what=what,
                has_credentials=self._credentials is not None,
                check_url=self._check_realm,
            )
            try:
                self._authorization = authorization(
                    response, client, self._credentials, plain=self.plain
                )
            except requests.RequestException as error:
                url = error.request.url if error.request is not None else None
                raise unreachable(error, "GET", url or response.url, what) from error
            return self._authorization

    def _check_realm(self, realm: str) -> None:
        if "://" in realm:
            self._refuse_plain(realm, "The registry wants credentials sent unencrypted.")

    def _refuse_plain(self, url: str, what: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "https" or (
            parts.scheme == "http" and (self._insecure or is_loopback(parts.netloc))
        ):
            return
        error = AuthError if "credentials" in what else UnsafeContentError
        raise error(
            what,
            where=self.base_url,
            found=without_secrets(url)[:300],
            expected="a URL that begins with https://",
        )


class _SizedBody:
    """Chunks with a known total size in bytes."""

    def __init__(self, chunks: Iterator[bytes], size: int) -> None:
        self._chunks = chunks
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


def is_loopback(host: str) -> bool:
    """Whether HOST[:PORT] is this machine, as far as its text says."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
