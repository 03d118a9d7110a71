"""The files in which `docker login` and `podman login` keep what a registry wants.

They are looked at in this order; the first that knows the registry decides:

1. the file that REGISTRY_AUTH_FILE names (containers-auth.json(5))
2. config.json in the folder that DOCKER_CONFIG names, else in ~/.docker
3. containers/auth.json in XDG_RUNTIME_DIR, then in ~/.config

Either variable may name a file or a folder, and a folder may hold `.dockerconfigjson`, so that a
Kubernetes secret of the type kubernetes.io/dockerconfigjson can be mounted as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocistacks.errors import UsageError
from ocistacks.files import private_file
from ocistacks.registry.credential_values import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LARGEST_FILE_BYTES = 1 << 20
_FILE_NAMES = ("config.json", ".dockerconfigjson")
DOCKER_HUB = "docker.io"
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_KEYS = (DOCKER_HUB_KEY, "index.docker.io")


class AuthEntry(BaseModel):
    """What a file keeps for one registry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = Field(default=None, alias="identitytoken")
    registry_token: str | None = Field(default=None, alias="registrytoken")


class AuthFile(BaseModel):
    """A file's content, as far as it concerns registries."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    auths: dict[str, AuthEntry] = Field(default_factory=dict)
    helpers: dict[str, str] = Field(default_factory=dict, alias="credHelpers")
    store: str | None = Field(default=None, alias="credsStore")

    def helper(self, keys: tuple[str, ...]) -> str | None:
        """Return the name of the helper that knows a registry, None where there is none."""
        return next((self.helpers[key] for key in keys if key in self.helpers), self.store) or None

    def credentials(self, keys: tuple[str, ...], path: Path) -> Credentials | None:
        """Return what is kept under the first of ``keys`` that is there."""
        for key in keys:
            entry = self.auths.get(key)
            if entry is None:
                continue
            if entry.registry_token:
                return Credentials(bearer_token=entry.registry_token)
            if entry.identity_token:
                return Credentials(identity_token=entry.identity_token)
            if entry.username and entry.password:
                return Credentials(username=entry.username, password=entry.password)
            if entry.auth:
                return _decoded(entry.auth, key, path)
        return None


def auth_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Return the files that there are, in the order in which they count."""
    home = Path(environment.get("HOME") or Path.home())
    if environment.get("REGISTRY_AUTH_FILE"):
        yield from _named(Path(environment["REGISTRY_AUTH_FILE"]))
    yield from _named(Path(environment.get("DOCKER_CONFIG") or home / ".docker"))
    if environment.get("XDG_RUNTIME_DIR"):
        yield from _named(Path(environment["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    yield from _named(configuration / "containers" / "auth.json")


def login_file(environment: Mapping[str, str]) -> Path:
    """Return the file that a login is written to."""
    home = Path(environment.get("HOME") or Path.home())
    named = environment.get("REGISTRY_AUTH_FILE") or environment.get("DOCKER_CONFIG")
    place = Path(named) if named else home / ".docker"
    found = next(_named(place), None)
    if found is not None:
        return found
    return place if environment.get("REGISTRY_AUTH_FILE") else place / _FILE_NAMES[0]


def keys_of(host: str, repository: str = "") -> tuple[str, ...]:
    """Return the keys under which credentials may stand, the most special first."""
    parts = repository.split("/") if repository else []
    special = [f"{host}/{'/'.join(parts[:count])}" for count in range(len(parts), 0, -1)]
    general = [host, f"https://{host}", f"https://{host}/", f"https://{host}/v1/"]
    general += _DOCKER_HUB_KEYS if host == DOCKER_HUB else ()
    return (*special, *general)


def own_key(host: str) -> str:
    """Return the key under which Docker keeps a registry's credentials."""
    return DOCKER_HUB_KEY if host == DOCKER_HUB else host


def read_auth_file(path: Path) -> AuthFile:
    """Read a file.

    Raises:
        UsageError: it cannot be read or understood.
    """
    try:
        return AuthFile.model_validate_json(_content(path))
    except ValidationError as error:
        # Not chained: the validation error quotes the file, which holds passwords.
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise _unusable(path, f"{where or 'the file'}: {fault['type']}") from None


def change_entry(path: Path, keys: tuple[str, ...], entry: Mapping[str, str] | None) -> bool:
    """Let ``entry`` stand under the first of ``keys`` and nothing under the others.

    All else in the file stays as it is. None removes; returns whether anything was there.

    Raises:
        TargetError: the file cannot be written.
        UsageError: it cannot be read or understood.
    """
    content: dict[str, Any] = {}
    if path.exists():
        read_auth_file(path)
        content = json.loads(_content(path))
    auths = dict(content.get("auths") or {})
    had = [key for key in keys if auths.pop(key, None) is not None]
    if entry is not None:
        auths[keys[0]] = dict(entry)
    if entry is not None or had:
        with private_file(path) as stream:
            stream.write(json.dumps({**content, "auths": auths}, indent="\t").encode() + b"\n")
    return bool(had)


def _named(path: Path) -> Iterator[Path]:
    """Return the file that a path means, if it is there."""
    for candidate in (path, *(path / name for name in _FILE_NAMES)):
        if candidate.is_file():
            yield candidate
            return


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise _unusable(path, "a file of more than a megabyte")
        return path.read_bytes()
    except OSError as error:
        raise _unusable(path, error.strerror or "an unreadable file") from error


def _decoded(auth: str, key: str, path: Path) -> Credentials:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise _unusable(path, f"auths.{key}.auth is not base64 of USER:PASSWORD")
    return Credentials.of_pair(username, password.rstrip("\0"))


def _unusable(path: Path, found: str) -> UsageError:
    return UsageError(
        "The file with registry credentials cannot be used.",
        where=str(path),
        found=found,
        expected="what `docker login` or `podman login` writes",
        hint="mend or remove the file, or log in again",
    )
