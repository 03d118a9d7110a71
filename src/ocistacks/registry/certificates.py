"""Certificates that belong to one registry, from the folders in which Docker and Podman have them.

    certs.d/HOST[:PORT]/*.crt            CAs that are trusted beside the system's
    certs.d/HOST[:PORT]/NAME.cert, .key  what proves to the registry who is asking

The folders are those of containers-certs.d(5); the first that there is for a registry counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.http_session import Certificates

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_FOLDERS = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))


def certificates_of(host: str, environment: Mapping[str, str]) -> Certificates | None:
    """Return the certificates of a registry, None where there is no folder for it.

    Raises:
        UsageError: a certificate has no key beside it, or the folder cannot be read.
    """
    home = Path(environment.get("HOME") or Path.home())
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    for folder in (configuration / "containers" / "certs.d", *SYSTEM_FOLDERS):
        if (folder / host).is_dir():
            return _in_folder(folder / host)
    return None


def _in_folder(folder: Path) -> Certificates:
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise _unusable(folder, error.strerror or "an unreadable folder") from error
    client = next((path for path in names if path.suffix == ".cert"), None)
    if client is None:
        pair = None
    elif client.with_suffix(".key").exists():
        pair = (client, client.with_suffix(".key"))
    else:
        raise _unusable(folder, f"{client.name} without {client.with_suffix('.key').name}")
    return Certificates(
        authorities=tuple(path for path in names if path.suffix == ".crt"), client=pair
    )


def _unusable(folder: Path, found: str) -> UsageError:
    return UsageError(
        "The certificates of a registry cannot be used.",
        where=str(folder),
        found=found,
        expected="CAs as *.crt; a client's certificate as NAME.cert with NAME.key",
    )
