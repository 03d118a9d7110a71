"""Finding the credentials that `docker login`, `podman login` or a helper keep for a registry.

The files are looked at in this order; the first that knows the registry decides:

1. the file that REGISTRY_AUTH_FILE names (containers-auth.json(5))
2. config.json in the folder that DOCKER_CONFIG names, else in ~/.docker
3. containers/auth.json in XDG_RUNTIME_DIR, then in ~/.config
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocistacks.errors import AuthError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LARGEST_FILE_BYTES = 1 << 20
_HELPER_SECONDS = 60
_HELPER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io")


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """A user name and a password; neither is ever shown."""

    username: str = field(repr=False)
    password: str = field(repr=False)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    auth: str | None = None
    username: str | None = None
    password: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    auths: dict[str, _Entry] = Field(default_factory=dict)
    helpers: dict[str, str] = Field(default_factory=dict, alias="credHelpers")
    store: str | None = Field(default=None, alias="credsStore")


def find_credentials(
    host: str, repository: str, environment: Mapping[str, str]
) -> Credentials | None:
    """Return what is kept for a repository, None where nothing is.

    Raises:
        AuthError: a credential helper fails.
        UsageError: a file cannot be read or understood.
    """
    names = _names(host, repository)
    for path in _files(environment):
        if not path.is_file():
            continue
        content = _read(path)
        found = _in_file(content, names, path) or _from_helper(content, host, names, environment)
        if found is not None:
            return found
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME") or Path.home())
    if environment.get("REGISTRY_AUTH_FILE"):
        yield Path(environment["REGISTRY_AUTH_FILE"])
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if environment.get("XDG_RUNTIME_DIR"):
        yield Path(environment["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"


def _names(host: str, repository: str) -> tuple[str, ...]:
    """Return the keys under which credentials may stand, the most special first."""
    parts = repository.split("/")
    special = [f"{host}/{'/'.join(parts[:count])}" for count in range(len(parts), 0, -1)]
    general = [host, f"https://{host}", f"https://{host}/", f"https://{host}/v1/"]
    general += _DOCKER_HUB_KEYS if host == "docker.io" else ()
    return (*special, *general)


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise _unusable(path, "a file of more than a megabyte")
        return _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _unusable(path, error.strerror or "an unreadable file") from error
    except ValidationError as error:
        # Not chained: the validation error quotes the file, which holds passwords.
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise _unusable(path, f"{where or 'the file'}: {fault['type']}") from None


def _in_file(content: _File, names: tuple[str, ...], path: Path) -> Credentials | None:
    for name in names:
        entry = content.auths.get(name)
        if entry is None:
            continue
        if entry.username and entry.password:
            return Credentials(username=entry.username, password=entry.password)
        if entry.auth:
            return _decoded(entry.auth, name, path)
    return None


def _decoded(auth: str, name: str, path: Path) -> Credentials:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise _unusable(path, f"auths.{name}.auth is not base64 of USER:PASSWORD")
    return Credentials(username=username, password=password.rstrip("\0"))


def _from_helper(
    content: _File, host: str, names: tuple[str, ...], environment: Mapping[str, str]
) -> Credentials | None:
    helper = next((content.helpers[name] for name in names if name in content.helpers), None)
    helper = helper or content.store
    if not helper:
        return None
    program = f"docker-credential-{helper}"
    if not _HELPER_NAME.fullmatch(helper):
        raise _helper_failed(program[:100], host, "a name that is no program's")
    key = _DOCKER_HUB_KEYS[0] if host == "docker.io" else host
    try:
        done = subprocess.run(
            [program, "get"],
            input=key.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _helper_failed(program, host, type(error).__name__) from error
    if done.returncode != 0:
        if b"not found" in done.stdout + done.stderr:  # what the protocol says for an unknown host
            return None
        raise _helper_failed(program, host, f"exit status {done.returncode}")
    try:
        answer = json.loads(done.stdout)
        return Credentials(username=str(answer["Username"]), password=str(answer["Secret"]))
    except (ValueError, KeyError, TypeError):
        raise _helper_failed(program, host, "an answer that is not its protocol's") from None


def _unusable(path: Path, found: str) -> UsageError:
    return UsageError(
        "The file with registry credentials cannot be used.",
        where=str(path),
        found=found,
        expected="what `docker login` or `podman login` writes",
        hint="mend or remove the file, or log in again",
    )


def _helper_failed(program: str, host: str, found: str) -> AuthError:
    return AuthError(
        "A credential helper does not give the registry's credentials.",
        where=f"{program} for {host}",
        found=found,
        hint="install or mend the helper, or remove it from the Docker configuration",
    )
