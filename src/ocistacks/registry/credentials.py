"""Finding the credentials of a registry: the environment's, else a file's, else a helper's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.registry.auth_files import auth_files, keys_of, read_auth_file
from ocistacks.registry.credential_helpers import get_from_helper
from ocistacks.registry.credential_values import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST_VARIABLE = "OCISTACKS_REGISTRY_HOST"
USERNAME_VARIABLE = "OCISTACKS_REGISTRY_USERNAME"
PASSWORD_VARIABLE = "OCISTACKS_REGISTRY_PASSWORD"
TOKEN_VARIABLE = "OCISTACKS_REGISTRY_TOKEN"


def find_credentials(
    host: str, repository: str, environment: Mapping[str, str]
) -> Credentials | None:
    """Return what is kept for a repository, None where nothing is.

    Raises:
        AuthError: a credential helper fails.
        UsageError: a file cannot be read or understood, or the variables do not fit together.
    """
    given = _of_environment(host, environment)
    if given is not None:
        return given
    keys = keys_of(host, repository)
    for path in auth_files(environment):
        content = read_auth_file(path)
        found = content.credentials(keys, path)
        helper = content.helper(keys)
        if found is None and helper is not None:
            found = get_from_helper(helper, host, environment)
        if found is not None:
            return found
    return None


def _of_environment(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return what the variables for CI say, if it is about this registry."""
    username = environment.get(USERNAME_VARIABLE)
    password = environment.get(PASSWORD_VARIABLE)
    token = environment.get(TOKEN_VARIABLE)
    wanted = environment.get(HOST_VARIABLE)
    if not (username or password or token):
        return None
    if not wanted:
        # A secret is for one registry, not for whichever a command names.
        raise _incomplete(f"no {HOST_VARIABLE}")
    if wanted != host:
        return None
    if token:
        return Credentials(bearer_token=token)
    if not username or not password:
        missing = PASSWORD_VARIABLE if username else USERNAME_VARIABLE
        raise _incomplete(f"no {missing}")
    return Credentials.of_pair(username, password)


def _incomplete(found: str) -> UsageError:
    return UsageError(
        "The environment does not say whole credentials.",
        found=found,
        expected=f"{HOST_VARIABLE}, and {USERNAME_VARIABLE} with {PASSWORD_VARIABLE}, or "
        f"{TOKEN_VARIABLE}",
        hint="set what is missing, or unset the others",
    )
