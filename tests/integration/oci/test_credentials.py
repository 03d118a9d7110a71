"""Credentials: sent when a registry asks for them, renewed when they expire, and nowhere else."""

from __future__ import annotations

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import AuthError, TransferError
from ocistacks.registry.source import read_blob

BLOB = b"blob " * 1000


def test_refused_without_credentials(fault_server, faulty, answer, descriptor_of):
    challenge = {"WWW-Authenticate": 'Basic realm="registry"'}
    words = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    fault_server.on(
        "GET", "/v2/x/blobs/" + Digest.of_bytes(BLOB), answer(401, body=words, headers=challenge)
    )
    with pytest.raises(AuthError) as raised:
        read_blob(faulty, descriptor_of(BLOB))
    assert str(raised.value) == (
        f"The blob {Digest.of_bytes(BLOB)} cannot be read.\n"
        f"  where: GET http://{fault_server.host}/v2/x/blobs/{Digest.of_bytes(BLOB)}\n"
        "  found: HTTP 401 Unauthorized: UNAUTHORIZED (authentication required)\n"
        "  hint: no credentials are kept for this registry: use `ocistacks login`"
    )


def test_basic_credentials(fault_server, faulty, answer, descriptor_of, path_of, log_in):
    auth = log_in()
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": 'Basic realm="registry"'}
    fault_server.on("GET", path_of(blob), answer(401, headers=challenge), answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    assert read_blob(faulty, blob) == BLOB
    sent = [headers.get("Authorization") for _, _, headers, _ in fault_server.requests]
    assert sent == [None, f"Basic {auth}", f"Basic {auth}"]


def test_a_token_that_expires_is_renewed(
    fault_server, faulty, answer, descriptor_of, path_of, log_in
):
    auth = log_in()
    blob = descriptor_of(BLOB)
    realm = f"http://{fault_server.host}/token"
    value = f'Bearer realm="{realm}",service="here",scope="repository:x:pull"'
    challenge = answer(401, headers={"WWW-Authenticate": value})
    fault_server.on(
        "GET", path_of(blob), challenge, answer(body=BLOB), challenge, answer(body=BLOB)
    )
    fault_server.on(
        "GET", "/token", answer(body=b'{"token":"one"}'), answer(body=b'{"access_token":"two"}')
    )
    assert read_blob(faulty, blob) == BLOB
    assert read_blob(faulty, blob) == BLOB
    sent = [(path, headers.get("Authorization")) for _, path, headers, _ in fault_server.requests]
    token = "/token?service=here&scope=repository%3Ax%3Apull"
    assert sent == [
        (path_of(blob), None),
        (token, f"Basic {auth}"),
        (path_of(blob), "Bearer one"),
        (path_of(blob), "Bearer one"),
        (token, f"Basic {auth}"),
        (path_of(blob), "Bearer two"),
    ]


def test_credentials_are_not_sent_unencrypted(
    fault_server, faulty, answer, descriptor_of, path_of, log_in
):
    log_in()
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": 'Bearer realm="http://elsewhere.example/token"'}
    fault_server.on("GET", path_of(blob), answer(401, headers=challenge))
    with pytest.raises(AuthError) as raised:
        read_blob(faulty, blob)
    assert str(raised.value) == (
        "The registry wants credentials sent unencrypted.\n"
        f"  where: http://{fault_server.host}/v2/x/\n"
        "  found: http://elsewhere.example/token\n"
        "  expected: a URL that begins with https://"
    )


def test_a_token_server_that_says_nonsense(
    fault_server, faulty, answer, descriptor_of, path_of, log_in
):
    log_in()
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{fault_server.host}/token"'}
    fault_server.on("GET", path_of(blob), answer(401, headers=challenge))
    fault_server.on("GET", "/token", answer(body=b"<html>"))
    with pytest.raises(TransferError) as raised:
        read_blob(faulty, blob)
    assert raised.value.what == f"The blob {blob.digest} cannot be read."
    assert raised.value.found is not None
    assert raised.value.found.startswith("JSONDecodeError: ")


def test_a_blob_behind_a_redirect_is_read_without_the_authorization(
    fault_server, faulty, answer, descriptor_of, path_of, log_in
):
    auth = log_in()
    blob = descriptor_of(BLOB)
    port = fault_server.host.partition(":")[2]
    challenge = answer(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
    elsewhere = answer(307, headers={"Location": f"http://localhost:{port}/store/1"})
    fault_server.on("GET", path_of(blob), challenge, elsewhere)
    fault_server.on("GET", "/store/1", answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    sent = [headers.get("Authorization") for _, _, headers, _ in fault_server.requests]
    assert sent == [None, f"Basic {auth}", None]
