"""Uploads to a registry that refuses, breaks off or leads elsewhere, and what the user is told."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from ocistacks.errors import AuthError, DigestError, UnsafeContentError
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Descriptor

BLOB = b"blob " * 1000


@pytest.fixture
def accept_uploads(fault_server, answer, path_of):
    """A function that lets the server lack a blob, begin uploads and finish them as told."""

    def accept(blob, *finishes):
        fault_server.on("HEAD", path_of(blob), answer(status=404))
        fault_server.on(
            "POST",
            "/v2/x/blobs/uploads/",
            answer(status=202, headers={"Location": "/upload/1?_state=secret"}),
        )
        fault_server.on("PUT", "/upload/1", *finishes)

    return accept


@contextmanager
def blob_content():
    yield iter((BLOB[:2000], BLOB[2000:]))


def test_an_upload_is_one_put_with_a_length(
    fault_server, faulty, answer, accept_uploads, descriptor_of
):
    blob = descriptor_of(BLOB)
    accept_uploads(blob, answer(status=201))
    faulty.write_blob(blob, blob_content)
    _verb, path, headers, body = fault_server.requests[-1]
    assert path == f"/upload/1?_state=secret&digest=sha256%3A{blob.digest.hex}"
    assert headers["Content-Length"] == "5000"
    assert "Transfer-Encoding" not in headers
    assert body == BLOB


def test_an_upload_that_fails_for_a_moment_starts_again(
    fault_server, faulty, answer, accept_uploads, path_of, stack, reporter
):
    artifact = stack.artifacts[0]
    parts = (*artifact.layers, artifact.configuration_descriptor)
    wait = answer(status=429, headers={"Retry-After": "0"})
    for part in parts:
        accept_uploads(part, wait, answer(status=201))
    target = path_of(artifact.descriptor)
    fault_server.on("PUT", target, answer(status=502), answer(status=201))
    summary = copy_objects(stack.source, faulty, artifact.descriptor, reporter=reporter, jobs=1)
    assert (summary.sent_blobs, summary.manifests) == (2, 1)
    assert fault_server.verbs().count(("PUT", "/upload/1")) == 3
    assert fault_server.verbs().count(("PUT", target)) == 2


def test_a_refused_upload_tells_no_secret(
    fault_server, faulty, answer, accept_uploads, descriptor_of
):
    blob = descriptor_of(BLOB)
    words = b'{"errors":[{"code":"DENIED","message":"quota of https://u:p@h/ is used up"}]}'
    accept_uploads(blob, answer(status=403, body=words))
    with pytest.raises(AuthError) as raised:
        faulty.write_blob(blob, blob_content)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be sent to the registry.\n"
        f"  where: PUT http://{fault_server.host}/upload/1\n"
        "  found: HTTP 403 Forbidden: DENIED (quota of https://h/ is used up)\n"
        "  hint: no credentials are kept for this registry: use `ocistacks login`"
    )


def test_an_upload_is_not_sent_elsewhere_unencrypted(
    fault_server, faulty, answer, accept_uploads, descriptor_of
):
    blob = descriptor_of(BLOB)
    accept_uploads(blob)
    fault_server.on(
        "POST",
        "/v2/x/blobs/uploads/",
        answer(status=202, headers={"Location": "http://elsewhere.example/upload?token=t"}),
    )
    with pytest.raises(UnsafeContentError) as raised:
        faulty.write_blob(blob, blob_content)
    assert str(raised.value) == (
        "The registry sends an upload over an unencrypted connection.\n"
        f"  where: http://{fault_server.host}/v2/x/\n"
        "  found: http://elsewhere.example/upload\n"
        "  expected: a URL that begins with https://"
    )


def test_a_mount_that_is_refused_gives_its_upload_back(
    fault_server, faulty, answer, accept_uploads, descriptor_of
):
    blob = descriptor_of(BLOB)
    accept_uploads(blob)
    fault_server.on("DELETE", "/upload/1", answer(status=204))
    assert faulty.mount_blob(blob.digest, "shared/layers") is False
    assert fault_server.requests[0][1].endswith(
        f"?mount=sha256%3A{blob.digest.hex}&from=shared%2Flayers"
    )
    assert fault_server.verbs()[-1] == ("DELETE", "/upload/1")


def test_an_upload_that_needs_a_new_token_begins_again(
    fault_server, faulty, answer, accept_uploads, descriptor_of, log_in
):
    log_in()
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{fault_server.host}/token"'}
    accept_uploads(blob, answer(401, headers=challenge), answer(status=201))
    fault_server.on("PUT", "/upload/1", answer(401, headers=challenge), answer(status=201))
    fault_server.on("GET", "/token", answer(body=b'{"token":"one"}'))
    faulty.write_blob(blob, blob_content)
    assert fault_server.requests[-1][3] == BLOB


def test_one_failure_stops_the_others(
    fault_server, faulty, answer, accept_uploads, stack, reporter
):
    broken = stack.layers[0].blob.digest
    for layer in stack.layers:
        accept_uploads(descriptor_of_layer(layer), answer(status=201))
    fault_server.on("HEAD", f"/v2/x/blobs/{broken}", answer(status=404), answer(status=404))
    stack.store.blob_path(broken).chmod(0o600)
    stack.store.blob_path(broken).write_bytes(b"short")
    with pytest.raises(DigestError) as raised:
        copy_objects(stack.source, faulty, stack.root, reporter=reporter, tag="latest", jobs=1)
    assert raised.value.found == "5 bytes"
    assert not any(
        path.startswith("/v2/x/manifests") for verb, path in fault_server.verbs() if verb == "PUT"
    )


def descriptor_of_layer(layer):
    return Descriptor(
        media_type=layer.blob.media_type, digest=layer.blob.digest, size=layer.blob.size
    )
