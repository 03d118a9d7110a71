"""Docker's credential helpers: programs that keep what registries want (docker-credential-NAME)."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from ocistacks.errors import AuthError
from ocistacks.registry.auth_files import own_key
from ocistacks.registry.credential_values import TOKEN_USER, Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 60
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def get_from_helper(helper: str, host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return what a helper keeps for a registry, None where it keeps nothing.

    Raises:
        AuthError: the helper fails.
    """
    done = _run(helper, "get", own_key(host), host, environment)
    if done.returncode != 0:
        if _knows_nothing(done):
            return None
        raise _failed(helper, host, f"exit status {done.returncode}")
    try:
        answer = json.loads(done.stdout)
        return Credentials.of_pair(str(answer["Username"]), str(answer["Secret"]))
    except (ValueError, KeyError, TypeError):
        raise _failed(helper, host, "an answer that is not its protocol's") from None


def store_in_helper(
    helper: str, host: str, credentials: Credentials, environment: Mapping[str, str]
) -> None:
    """Let a helper keep a registry's credentials; raise AuthError if it fails."""
    token = credentials.identity_token
    entry = {
        "ServerURL": own_key(host),
        "Username": credentials.username if token is None else TOKEN_USER,
        "Secret": credentials.password if token is None else token,
    }
    done = _run(helper, "store", json.dumps(entry), host, environment)
    if done.returncode != 0:
        raise _failed(helper, host, f"exit status {done.returncode}")


def erase_from_helper(helper: str, host: str, environment: Mapping[str, str]) -> bool:
    """Let a helper forget a registry; return whether it knew it. Raises AuthError if it fails."""
    if get_from_helper(helper, host, environment) is None:
        return False
    done = _run(helper, "erase", own_key(host), host, environment)
    if done.returncode != 0 and not _knows_nothing(done):
        raise _failed(helper, host, f"exit status {done.returncode}")
    return True


def _run(
    helper: str, verb: str, given: str, host: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    if not _NAME.fullmatch(helper):
        raise _failed(helper[:100], host, "a name that is no program's")
    try:
        return subprocess.run(
            [f"docker-credential-{helper}", verb],
            input=given.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(helper, host, type(error).__name__) from error


def _knows_nothing(done: subprocess.CompletedProcess[bytes]) -> bool:
    return b"not found" in done.stdout + done.stderr  # what the protocol says for an unknown host


def _failed(helper: str, host: str, found: str) -> AuthError:
    return AuthError(
        "A credential helper does not give or keep the registry's credentials.",
        where=f"docker-credential-{helper} for {host}",
        found=found,
        hint="install or mend the helper, or remove it from the Docker configuration",
    )
