"""What is known of a package index's credentials before they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ocistacks.redaction import without_user

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexLogin:
    """An index of `[tool.uv]`: ``url`` is without credentials, which are never shown.

    ``name`` is the one that uv's variables are called after. ``keyring`` is whether uv's setting
    `keyring-provider` lets a keyring be asked.
    """

    name: str | None
    url: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    keyring: bool = False

    def serves(self, url: str) -> bool:
        """Whether a file's URL is on the host of the index, so that it may see its credentials."""
        return _origin(self.url) == _origin(url)


def index_logins(uv_configuration: Mapping[str, Any]) -> tuple[IndexLogin, ...]:
    """Return the indexes of a stack's `[tool.uv]` that lie on a server."""
    declared: Iterable[Mapping[str, Any]] = uv_configuration.get("index", ())
    keyring = uv_configuration.get("keyring-provider") == "subprocess"
    logins = []
    for index in declared:
        url = str(index.get("url", ""))
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            continue
        login = IndexLogin(
            name=index.get("name"),
            url=without_user(url),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            keyring=keyring,
        )
        logins.append(login)
    return tuple(logins)


def login_for(url: str, index_url: str | None, logins: Iterable[IndexLogin]) -> IndexLogin | None:
    """Return the login for a file that a lock says is from an index, None where there is none.

    An index on another host than the file gets nothing: its credentials are not the file's.
    """
    fitting = [login for login in logins if login.serves(url)]
    exact = [login for login in fitting if login.url.rstrip("/") == (index_url or "").rstrip("/")]
    return next(iter([*exact, *fitting]), None)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()
