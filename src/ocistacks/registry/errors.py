"""A registry's refusals as errors a user can act on, with the registry's own words.

Format of the answers: distribution spec 1.1, "Error Codes".
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from email.utils import parsedate_to_datetime

import requests
from requests.exceptions import ChunkedEncodingError

from ocistacks.errors import AuthError, NotFoundError, OcistacksError, TransferError
from ocistacks.http_session import LONGEST_RETRY_AFTER_SECONDS, TEMPORARY_STATUSES
from ocistacks.redaction import without_secrets

_LARGEST_ANSWER_BYTES = 65536
_LONGEST_TEXT = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class TemporaryError(TransferError):
    """A failure that may be gone a moment later; ``pause`` is the server's wish in seconds."""

    pause: float | None = None

    def lasting(self) -> TransferError:
        """Return the same failure as one that nobody tries again."""
        return TransferError(
            self.what, where=self.where, found=self.found, expected=self.expected, hint=self.hint
        )


class RangeRefusedError(TransferError):
    """A server gives a blob as a whole only."""


def refused(response: requests.Response, what: str, *, has_credentials: bool) -> OcistacksError:
    """Return the error for an answer that was not hoped for; reads and closes the response."""
    with response:
        where = f"{response.request.method} {without_secrets(response.url)}"
        found = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        words = _own_words(response)
    if words:
        found = f"{found}: {words}"
    status = response.status_code
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        hint = (
            "the credentials that are kept for this registry do not allow it: log in as another "
            "user, or ask for access"
            if has_credentials
            else "no credentials are kept for this registry: use `ocistacks login`"
        )
        return AuthError(what, where=where, found=found, hint=hint)
    if status == _NOT_FOUND:
        hint = "check the repository's name and the tag"
        return NotFoundError(what, where=where, found=found, hint=hint)
    if status in TEMPORARY_STATUSES:
        hint = "try again later; if it stays so, ask whoever runs the registry"
        error = TemporaryError(what, where=where, found=found, hint=hint)
        error.pause = _retry_after(response)
        return error
    return TransferError(what, where=where, found=found)


def unreachable(error: Exception, verb: str, url: str, what: str) -> TransferError:
    """Return the error for a request that got no answer."""
    error_class = TemporaryError if _may_pass(error) else TransferError
    return error_class(
        what,
        where=f"{verb} {without_secrets(url)}",
        found=_plain_reason(error),
        hint=_way_out(_innermost(error)),
    )


def interrupted(error: Exception, url: str, what: str) -> TemporaryError:
    """Return the error for an answer that broke off."""
    return TemporaryError(
        what,
        where=f"GET {without_secrets(url)}",
        found=_plain_reason(error),
        hint="run the command again; if it stays so, a proxy or the registry cuts connections",
    )


def _way_out(inner: BaseException) -> str:
    if isinstance(inner, ssl.SSLCertVerificationError):
        return (
            "let OCISTACKS_CA_BUNDLE name the CA's certificate, or put it into "
            "/etc/docker/certs.d/HOST as ca.crt"
        )
    if getattr(inner, "reason", None) == "WRONG_VERSION_NUMBER":
        return "the server speaks no TLS: check the port, or use --insecure for plain HTTP"
    return "check the host's name, the network and proxy settings, then try again"


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may reach the server; certificates and names stay as they are."""
    inner = _innermost(error)
    if isinstance(inner, ssl.SSLError):
        return isinstance(inner, ssl.SSLEOFError)
    if isinstance(inner, socket.gaierror):
        return inner.errno == socket.EAI_AGAIN
    temporary = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError)
    return isinstance(error, temporary)


def _plain_reason(error: BaseException) -> str:
    inner = _innermost(error)
    text = without_secrets(_CONTROL.sub(" ", str(inner)))[:_LONGEST_TEXT]
    return f"{type(inner).__name__}: {text}" if text else type(inner).__name__


def _innermost(error: BaseException) -> BaseException:
    """Return the innermost reason, which is the one that says something."""
    seen = {id(error)}
    while True:
        nested = (getattr(error, "reason", None), *reversed(error.args), error.__cause__)
        inner = next((part for part in nested if isinstance(part, BaseException)), None)
        if inner is None or id(inner) in seen:
            break
        seen.add(id(inner))
        error = inner
    return error


def _own_words(response: requests.Response) -> str:
    """Return the registry's error codes and messages, empty where it gives none."""
    try:
        content = next(response.iter_content(_LARGEST_ANSWER_BYTES), b"")
        errors = json.loads(content)["errors"]
        words = [
            f"{error['code']} ({error['message']})" if error.get("message") else str(error["code"])
            for error in errors
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return without_secrets(_CONTROL.sub(" ", ", ".join(words)))[:_LONGEST_TEXT]


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds of Retry-After (RFC 9110, section 10.2.3), bounded."""
    text = response.headers.get("Retry-After", "")
    if re.fullmatch("[0-9]{1,9}", text):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
