"""What proves to a registry who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field

TOKEN_USER = "<token>"
"""The user name beside an identity token, in helpers and in USER:PASSWORD pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """A user name and a password, or one of two tokens; none is ever shown.

    An identity token is given to the registry's token server for another one (OAuth 2's refresh
    token), a bearer token to the registry itself.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)

    @classmethod
    def of_pair(cls, username: str, password: str) -> Credentials:
        """Return credentials from a pair, which may stand for an identity token."""
        if username == TOKEN_USER:
            return cls(identity_token=password)
        return cls(username=username, password=password)
