"""Authorization through the oras library: the one module that knows it.

Imported when a registry first asks for credentials, because importing oras takes 0.2 seconds.
Its blob transfers are not used: they hold blobs in memory and check no digest.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from oras.auth import get_auth_backend
from oras.auth.utils import parse_auth_header

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from ocistacks.registry.credentials import Credentials

# The library tells its steps on the standard error stream; what users see is our errors.
logging.getLogger("oras.logger").disabled = True


def authorization(
    response: requests.Response,
    session: requests.Session,
    credentials: Credentials | None,
    *,
    plain: bool,
    check_realm: Callable[[str], None],
) -> str | None:
    """Answer a 401 (distribution spec 1.1; RFC 7235) with an Authorization header's value.

    None stands for a challenge that cannot be answered. A token is asked for anew every time: a
    token that was refused is of no use again. ``check_realm`` may refuse the token server's URL.
    """
    challenge = response.headers.get("WWW-Authenticate", "")
    scheme = challenge.partition(" ")[0].lower()
    if scheme not in {"basic", "bearer"} or (scheme == "basic" and credentials is None):
        return None
    if scheme == "bearer":
        realm = parse_auth_header(challenge).realm
        if realm is None:
            return None
        check_realm(realm)
    backend = get_auth_backend(
        "basic" if scheme == "basic" else "token",
        session,
        insecure=plain,
        tls_verify=session.verify,
    )
    if credentials is not None:
        backend.set_basic_auth(credentials.username, credentials.password)
    headers, answered = backend.authenticate_request(response, {}, refresh=True)
    value = headers.get("Authorization") if answered else None
    return value if isinstance(value, str) else None
