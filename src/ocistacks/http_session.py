"""HTTP sessions that behave well: time-outs, bounded retries, the user's certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504)
LONGEST_RETRY_AFTER_SECONDS = 60


class _TimedAdapter(HTTPAdapter):
    """An adapter that gives every request a time-out."""

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ANN401 - passed on as they are
        **kwargs: Any,  # noqa: ANN401 - passed on as they are
    ) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **kwargs)


def new_session(environment: Mapping[str, str], *, attempts: int = 5) -> requests.Session:
    """Return a session for plain downloads.

    What fails for a moment is tried again, ``attempts`` times in all with growing pauses,
    honouring Retry-After up to a minute. The CA bundle is the first of REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE and SSL_CERT_FILE that is set.
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
    adapter = _TimedAdapter(max_retries=retry, pool_maxsize=16)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    bundle = next(
        (environment[name] for name in _CERTIFICATE_VARIABLES if environment.get(name)), None
    )
    if bundle is not None:
        session.verify = bundle
    return session
