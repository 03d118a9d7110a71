"""Authorization through the oras library: the one module that knows it.

Imported when a registry first asks for credentials, because importing oras takes 0.2 seconds.
Its blob transfers are not used: they hold blobs in memory and check no digest. Nor does it know
identity tokens.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from oras.auth import get_auth_backend
from oras.auth.utils import parse_auth_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from oras.auth.utils import authHeader

    from ocistacks.registry.credential_values import Credentials

_CLIENT = "ocistacks"

# The library tells its steps on the standard error stream; what users see is our errors.
logging.getLogger("oras.logger").disabled = True


class TokenClient(Protocol):
    """Sends requests to a registry's token server; an answer is one that has a token."""

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        verify: object = None,
    ) -> requests.Response:
        """Ask as oras does."""

    def request(
        self, verb: str, url: str, *, params: Mapping[str, str] | None = None, verify: object = None
    ) -> requests.Response:
        """Ask as oras does."""

    def post(self, url: str, form: Mapping[str, str]) -> requests.Response:
        """Send a form."""


def authorization(
    response: requests.Response,
    client: TokenClient,
    credentials: Credentials | None,
    *,
    plain: bool,
) -> str | None:
    """Answer a 401 (distribution spec 1.1; RFC 7235) with an Authorization header's value.

    None stands for a challenge that cannot be answered. A token is asked for anew every time: a
    token that was refused is of no use again.
    """
    challenge = response.headers.get("WWW-Authenticate", "")
    scheme = challenge.partition(" ")[0].lower()
    if scheme not in {"basic", "bearer"}:
        return None
    if credentials is not None and credentials.bearer_token is not None:
        return f"Bearer {credentials.bearer_token}"
    if scheme == "basic" and (credentials is None or not credentials.username):
        return None
    if scheme == "bearer":
        asked = parse_auth_header(challenge)
        if asked.realm is None:
            return None
        if credentials is not None and credentials.identity_token is not None:
            return _exchanged(credentials.identity_token, asked, client)
    backend = get_auth_backend(
        "basic" if scheme == "basic" else "token", client, insecure=plain, tls_verify=True
    )
    if credentials is not None:
        backend.set_basic_auth(credentials.username, credentials.password)
    headers, answered = backend.authenticate_request(response, {}, refresh=True)
    value = headers.get("Authorization") if answered else None
    return value if isinstance(value, str) else None


def _exchanged(identity_token: str, asked: authHeader, client: TokenClient) -> str | None:
    """Give an identity token for one of the registry (RFC 6749, section 6)."""
    form = {
        "grant_type": "refresh_token",
        "service": asked.service or "",
        "client_id": _CLIENT,
        "scope": asked.scope or "",
        "refresh_token": identity_token,
    }
    token = client.post(asked.realm, form).json().get("access_token")
    return f"Bearer {token}" if isinstance(token, str) else None
