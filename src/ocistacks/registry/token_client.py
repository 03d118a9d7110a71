"""Requests to a registry's token server: never unencrypted, tried again, with clear errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from requests.auth import AuthBase

from ocistacks.http_session import CONNECT_SECONDS, READ_SECONDS
from ocistacks.registry.errors import refused, unreachable
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OK = 200


class HeaderAuth(AuthBase):
    """Sets the Authorization header, or none: without this, requests looks into ~/.netrc."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Change a request as the library wants it."""
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


class RegistryTokenClient:
    """What the oras library takes for its session (see ``oras_session.TokenClient``).

    ``check_url`` may refuse a token server's URL. An answer without a token is an error with the
    server's own words, which the library would keep to itself.
    """

    def __init__(
        self,
        session: requests.Session,
        *,
        what: str,
        has_credentials: bool,
        check_url: Callable[[str], None],
    ) -> None:
        self._session = session
        self._what = what
        self._has_credentials = has_credentials
        self._check_url = check_url

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        verify: object = None,
    ) -> requests.Response:
        """Ask as the library does; of several scopes each is named alone, as servers want it."""
        del verify  # the session knows
        scopes = {"scope": (params or {}).get("scope", "").split()}
        return self._send("GET", url, headers or {}, params={**(params or {}), **scopes})

    def request(
        self, verb: str, url: str, *, params: Mapping[str, str] | None = None, verify: object = None
    ) -> requests.Response:
        """Ask without credentials."""
        del verb
        return self.get(url, params=params, verify=verify)

    def post(self, url: str, form: Mapping[str, str]) -> requests.Response:
        """Send a form."""
        return self._send("POST", url, {}, form=form)

    def _send(
        self,
        verb: str,
        url: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, str | list[str]] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        self._check_url(url)
        others = {key: value for key, value in headers.items() if key != "Authorization"}

        def attempt() -> requests.Response:
            try:
                response = self._session.request(
                    verb,
                    url,
                    params=params,
                    data=form,
                    headers=others,
                    auth=HeaderAuth(headers.get("Authorization")),
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    verify=self._session.verify,
                )
            except requests.RequestException as error:
                raise unreachable(error, verb, url, self._what) from error
            if response.status_code != _OK:
                raise refused(response, self._what, has_credentials=self._has_credentials)
            return response

        return retried(attempt)
