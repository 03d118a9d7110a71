"""The credentials of package indexes, from where uv takes them.

In this order, as uv has it (uv, "HTTP credentials" and "Package indexes", Authentication): the
variables named after the index or its URL in the specification; for a user without a password a
netrc file, then a keyring. Where there is no user, the HTTP library reads the netrc file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import get_netrc_auth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.request.index_login import IndexLogin

_KEYRING = "keyring"
_KEYRING_SECONDS = 60.0


def login_variables(index_name: str) -> tuple[str, str]:
    """Return the variables that hold a named index's user and password."""
    name = re.sub(r"[^A-Z0-9]", "_", index_name.upper())
    return f"UV_INDEX_{name}_USERNAME", f"UV_INDEX_{name}_PASSWORD"


class IndexCredentials:
    """Finds the credentials of indexes, and asks the keyring once for each."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._told: dict[IndexLogin, str | None] = {}
        self._turn = Lock()

    def of(self, login: IndexLogin) -> tuple[str, str] | None:
        """Return user and password, None to let netrc decide."""
        user, password = login.user, login.password
        if login.name is not None:
            from_variables = [self._environment.get(one) for one in login_variables(login.name)]
            if any(from_variables):
                user, password = from_variables
        if user and not password:
            password = self._from_netrc(login, user) or self._asked_once(login, user)
        return (user or "", password or "") if user or password else None

    def _from_netrc(self, login: IndexLogin, user: str) -> str | None:
        found = get_netrc_auth(login.url)
        return found[1] if found is not None and found[0] == user else None

    def _asked_once(self, login: IndexLogin, user: str) -> str | None:
        if not self._may_ask_keyring(login):
            return None
        with self._turn:
            if login not in self._told:
                self._told[login] = self._from_keyring(login, user)
            return self._told[login]

    def _may_ask_keyring(self, login: IndexLogin) -> bool:
        provider = self._environment.get("UV_KEYRING_PROVIDER")
        return provider == "subprocess" if provider else login.keyring

    def _from_keyring(self, login: IndexLogin, user: str) -> str | None:
        """Return what the program `keyring` tells for the index's URL, else for its host."""
        program = shutil.which(_KEYRING, path=self._environment.get("PATH"))
        if program is None:
            return None
        for service in (login.url, urlsplit(login.url).netloc):
            try:
                told = subprocess.run(
                    [program, "get", service, user],
                    env=dict(self._environment),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_KEYRING_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                return None
            if told.returncode == 0 and told.stdout.strip("\r\n"):
                return told.stdout.strip("\r\n")
        return None
