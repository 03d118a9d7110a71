"""Which failures pass, how long a server wants one to wait, and what the user is told."""

from __future__ import annotations

import io
import socket
import ssl
import time
from email.utils import formatdate

import pytest
import requests

from ocistacks.errors import AuthError, NotFoundError, TransferError
from ocistacks.registry.errors import TemporaryError, refused, unreachable

URL = "https://jo:pw@a.b/v2/x/blobs/uploads/1?_state=secret"


def answer(status, *, body=b"", **headers):
    response = requests.Response()
    response.status_code = status
    response.reason = "Reason"
    response.url = URL
    response.request = requests.Request("PUT", URL).prepare()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response.raw = io.BytesIO(body)
    return response


def caused(inner):
    """The error that requests makes of a reason."""
    outer = requests.ConnectionError("outer")
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    "error",
    [
        caused(ConnectionResetError(104, "Connection reset by peer")),
        caused(ConnectionRefusedError(111, "Connection refused")),
        caused(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")),
        caused(ssl.SSLEOFError("EOF occurred in violation of protocol")),
        requests.ReadTimeout("Read timed out."),
        requests.exceptions.ChunkedEncodingError("broken"),
    ],
)
def test_what_passes(error):
    assert isinstance(unreachable(error, "PUT", URL, "No."), TemporaryError)


@pytest.mark.parametrize(
    "error",
    [
        caused(ssl.SSLCertVerificationError("certificate verify failed")),
        caused(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        requests.TooManyRedirects("Exceeded 30 redirects."),
        requests.exceptions.InvalidURL("no host"),
    ],
)
def test_what_stays(error):
    assert not isinstance(unreachable(error, "PUT", URL, "No."), TemporaryError)


@pytest.mark.parametrize(
    ("told", "pause"),
    [
        ({}, None),
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "9999"}, 60),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": formatdate(0, usegmt=True)}, 0),
        ({"Retry_After": formatdate(time.time() + 9999, usegmt=True)}, 60),
    ],
)
def test_how_long_the_server_wants_to_be_left_alone(told, pause):
    error = refused(answer(503, **told), "No.", has_credentials=False)
    assert isinstance(error, TemporaryError)
    assert error.pause == pause


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (403, AuthError), (404, NotFoundError), (400, TransferError)],
)
def test_the_kinds_of_refusal(status, kind):
    error = refused(answer(status), "No.", has_credentials=False)
    assert type(error) is kind


def test_the_registrys_own_words_and_no_secret():
    body = (
        b'{"errors":[{"code":"TOOMANYREQUESTS","message":"see https://u:p@h/?k=v"},{"code":"B"}]}'
    )
    error = refused(answer(429, body=body), "No.", has_credentials=False)
    assert error.where == "PUT https://a.b/v2/x/blobs/uploads/1"
    assert error.found == "HTTP 429 Reason: TOOMANYREQUESTS (see https://h/), B"
