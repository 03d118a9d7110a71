"""HTTP sessions that behave well: time-outs, bounded retries, the user's certificates."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from urllib3.util.ssl_ import create_urllib3_context

from ocistacks.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

EXTRA_AUTHORITIES_VARIABLE = "OCISTACKS_CA_BUNDLE"

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504)
LONGEST_RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """CAs that are trusted beside the others, and a client's certificate with its key."""

    authorities: tuple[Path, ...] = ()
    client: tuple[Path, Path] | None = None


class _TimedAdapter(HTTPAdapter):
    """An adapter that gives every request a time-out, and has its own way of TLS."""

    def __init__(self, *, retry: Retry, context: ssl.SSLContext | None) -> None:
        self._tls: dict[str, Any] = {} if context is None else {"ssl_context": context}
        super().__init__(max_retries=retry, pool_maxsize=16)

    def init_poolmanager(self, connections: int, maxsize: int, **more: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        super().init_poolmanager(connections, maxsize, **more, **self._tls)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401 - the library's
        return super().proxy_manager_for(proxy, **more, **self._tls)

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ANN401 - passed on as they are
        **kwargs: Any,  # noqa: ANN401 - passed on as they are
    ) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **kwargs)


def new_session(
    environment: Mapping[str, str],
    *,
    attempts: int = 5,
    certificates: Certificates | None = None,
) -> requests.Session:
    """Return a session for plain downloads.

    What fails for a moment is tried again, ``attempts`` times in all with growing pauses,
    honouring Retry-After up to a minute. The CA bundle is the first of REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE and SSL_CERT_FILE that is set; what OCISTACKS_CA_BUNDLE names, and
    ``certificates``, are trusted beside it.

    Raises:
        UsageError: a certificate cannot be read.
    """
    session = requests.Session()
    retry = Retry(
        total=attempts - 1,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=TEMPORARY_STATUSES,
        retry_after_max=LONGEST_RETRY_AFTER_SECONDS,
        allowed_methods=("GET", "HEAD"),
        raise_on_status=False,
    )
    adapter = _TimedAdapter(retry=retry, context=_tls_context(environment, certificates))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    bundle = next(
        (environment[name] for name in _CERTIFICATE_VARIABLES if environment.get(name)), None
    )
    if bundle is not None:
        session.verify = bundle
    return session


def _tls_context(
    environment: Mapping[str, str], certificates: Certificates | None
) -> ssl.SSLContext | None:
    """Return how to speak TLS, None for the library's way; it adds the CA bundle to either."""
    certificates = certificates or Certificates()
    extra = environment.get(EXTRA_AUTHORITIES_VARIABLE)
    authorities = (*certificates.authorities, *((Path(extra),) if extra else ()))
    if not authorities and certificates.client is None:
        return None
    context = create_urllib3_context()
    for path in authorities:
        with _reading(path):
            context.load_verify_locations(path)
    if certificates.client is not None:
        certificate, key = certificates.client
        with _reading(certificate):
            context.load_cert_chain(certificate, key)
    return context


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # an SSLError is one, too
        raise UsageError(
            "A certificate cannot be used.",
            where=str(path),
            found=error.strerror or str(error),
            expected="certificates in PEM form, a client's with the key that belongs to it",
        ) from error
