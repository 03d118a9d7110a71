"""Logging in to a registry, and out: into the files and helpers that Docker and Podman use."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ocistacks.registry.auth_files import (
    change_entry,
    keys_of,
    login_file,
    own_key,
    read_auth_file,
)
from ocistacks.registry.credential_helpers import erase_from_helper, store_in_helper
from ocistacks.registry.transport import Request, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocistacks.registry.credential_values import Credentials

_OK = 200


def log_in(
    host: str,
    credentials: Credentials,
    *,
    environment: Mapping[str, str],
    insecure: bool = False,
) -> str:
    """Keep credentials that the registry takes, and return where they are kept.

    Raises:
        AuthError: the registry does not take them, or a helper does not keep them.
        TargetError, UsageError: the file cannot be written or understood.
        TransferError: the registry does not answer.
    """
    transport = Transport(
        host, "", environment=environment, insecure=insecure, credentials=credentials
    )
    try:
        request = Request(verb="GET", url=transport.url(""))
        what = f"The registry {host} does not accept the login."
        with transport.send(request, what=what, expected=(_OK,)):
            pass
    finally:
        transport.close()
    path = login_file(environment)
    keys = _keys(host)
    helper = read_auth_file(path).helper(keys) if path.exists() else None
    if helper is not None:
        store_in_helper(helper, host, credentials, environment)
        change_entry(path, keys, {})
        return f"docker-credential-{helper}"
    change_entry(path, keys, _entry(credentials))
    return str(path)


def log_out(host: str, *, environment: Mapping[str, str]) -> Path | None:
    """Forget a registry's credentials, and return the file that had them; None where none had.

    Raises:
        AuthError: a helper does not forget them.
        TargetError, UsageError: the file cannot be written or understood.
    """
    path = login_file(environment)
    if not path.exists():
        return None
    keys = _keys(host)
    helper = read_auth_file(path).helper(keys)
    erased = helper is not None and erase_from_helper(helper, host, environment)
    removed = change_entry(path, keys, None)
    return path if erased or removed else None


def _keys(host: str) -> tuple[str, ...]:
    own = own_key(host)
    return (own, *(key for key in keys_of(host) if key != own))


def _entry(credentials: Credentials) -> dict[str, str]:
    if credentials.identity_token is not None:
        return {"identitytoken": credentials.identity_token}
    pair = f"{credentials.username}:{credentials.password}"
    return {"auth": base64.b64encode(pair.encode()).decode()}
