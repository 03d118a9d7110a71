"""What a registry that lies, breaks off or refuses gets, and what the user is told."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import (
    AuthError,
    DigestError,
    NotFoundError,
    TransferError,
    UnsafeContentError,
)
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Descriptor, Manifest
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

BLOB = b"blob " * 1000
OTHER = b"lies " * 1000
OCTETS = "application/octet-stream"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def descriptor_of(content, media_type=OCTETS):
    return Descriptor(media_type=media_type, digest=Digest.of_bytes(content), size=len(content))


def path_of(descriptor):
    kind = "manifests" if descriptor.media_type == MANIFEST_TYPE else "blobs"
    return f"/v2/x/{kind}/{descriptor.digest}"


def image(blob=BLOB):
    """A manifest whose one layer and configuration are the same blob."""
    part = descriptor_of(blob)
    content = Manifest(media_type=MANIFEST_TYPE, config=part, layers=(part,)).canonical()
    return content, descriptor_of(content, MANIFEST_TYPE)


def test_wrong_bytes(fault_server, faulty, answer, tmp_path, reporter):
    content, root = image()
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(root), answer(body=content))
    fault_server.on("GET", path_of(blob), answer(body=OTHER))
    layout = ImageLayout.create(tmp_path / "layout")
    with pytest.raises(DigestError) as raised:
        copy_objects(faulty, layout, root, tag="latest", reporter=reporter)
    assert str(raised.value) == (
        "What was received is not what was promised; nothing of it was kept.\n"
        f"  where: GET http://{fault_server.host}/v2/x/blobs/{blob.digest}\n"
        f"  found: {Digest.of_bytes(OTHER)}\n"
        f"  expected: {blob.digest}\n"
        "  hint: try again; if it stays so, the copy there is damaged and must be pushed again"
    )
    assert layout.tags() == {}
    assert not list((tmp_path / "layout" / "blobs" / "sha256").iterdir())


@pytest.mark.parametrize(
    ("sent", "found"), [(BLOB[:-1], "4999 bytes"), (BLOB + b"!", "more than 5000 bytes")]
)
def test_another_size(fault_server, faulty, answer, sent, found):
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(blob), answer(body=sent))
    with pytest.raises(DigestError) as raised:
        read_blob(faulty, blob)
    assert (raised.value.found, raised.value.expected) == (found, "5000 bytes")


def test_a_cut_connection_is_tried_again(fault_server, faulty, answer, tmp_path, reporter):
    content, root = image()
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(root), answer(body=content))
    fault_server.on("GET", path_of(blob), answer(body=BLOB, cut=1000), answer(body=BLOB))
    layout = ImageLayout.create(tmp_path / "layout")
    summary = copy_objects(faulty, layout, root, tag="latest", reporter=reporter)
    assert (summary.sent_blobs, summary.sent_bytes) == (1, len(BLOB))
    assert layout.blob_path(blob.digest).read_bytes() == BLOB
    assert list(reporter.tasks.values()) == [[len(BLOB), len(BLOB)]]


def test_connections_that_are_always_cut(
    fault_server, faulty, answer, tmp_path, reporter, monkeypatch
):
    monkeypatch.setattr("ocistacks.registry.retry.PAUSES_SECONDS", (0.01, 0.01))
    content, root = image()
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(root), answer(body=content))
    fault_server.on("GET", path_of(blob), answer(body=BLOB, cut=1000))
    layout = ImageLayout.create(tmp_path / "layout")
    with pytest.raises(TransferError) as raised:
        copy_objects(faulty, layout, root, tag="latest", reporter=reporter)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be read.\n"
        f"  where: GET http://{fault_server.host}/v2/x/blobs/{blob.digest}\n"
        "  found: IncompleteRead: IncompleteRead(1000 bytes read, 4000 more expected)\n"
        "  hint: run the command again; if it stays so, a proxy or the registry cuts connections"
    )
    assert fault_server.verbs().count(("GET", path_of(blob))) == 3
    assert not list((tmp_path / "layout" / "blobs" / "sha256").iterdir())


def test_a_server_error_is_tried_again(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    unwell = answer(status=503, headers={"Retry-After": "0"})
    fault_server.on("GET", path_of(blob), unwell, unwell, answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    assert len(fault_server.requests) == 3


def test_a_server_error_that_stays(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    words = b'{"errors":[{"code":"UNAVAILABLE","message":"storage\\u001b[2J is full"}]}'
    unwell = answer(status=500, body=words, headers={"Retry-After": "0"})
    fault_server.on("GET", path_of(blob), unwell)
    with pytest.raises(TransferError) as raised:
        read_blob(faulty, blob)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be read.\n"
        f"  where: GET http://{fault_server.host}/v2/x/blobs/{blob.digest}\n"
        "  found: HTTP 500 Internal Server Error: UNAVAILABLE (storage [2J is full)\n"
        "  hint: try again later; if it stays so, ask whoever runs the registry"
    )
    assert len(fault_server.requests) == 5


def accept_uploads(server, answer, blob, *finishes):
    """Let the server lack a blob, begin uploads and finish them as told."""
    server.on("HEAD", path_of(blob), answer(status=404))
    server.on(
        "POST",
        "/v2/x/blobs/uploads/",
        answer(status=202, headers={"Location": "/upload/1?_state=secret"}),
    )
    server.on("PUT", "/upload/1", *finishes)


@contextmanager
def blob_content():
    yield iter((BLOB[:2000], BLOB[2000:]))


def test_an_upload_is_one_put_with_a_length(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    accept_uploads(fault_server, answer, blob, answer(status=201))
    faulty.write_blob(blob, blob_content)
    _verb, path, headers, body = fault_server.requests[-1]
    assert path == f"/upload/1?_state=secret&digest=sha256%3A{blob.digest.hex}"
    assert headers["Content-Length"] == "5000"
    assert "Transfer-Encoding" not in headers
    assert body == BLOB


def test_an_upload_that_fails_for_a_moment_starts_again(
    fault_server, faulty, answer, stack, reporter
):
    artifact = stack.artifacts[0]
    parts = (*artifact.layers, artifact.configuration_descriptor)
    wait = answer(status=429, headers={"Retry-After": "0"})
    for part in parts:
        accept_uploads(fault_server, answer, part, wait, answer(status=201))
    target = path_of(artifact.descriptor)
    fault_server.on("PUT", target, answer(status=502), answer(status=201))
    summary = copy_objects(stack.source, faulty, artifact.descriptor, reporter=reporter, jobs=1)
    assert (summary.sent_blobs, summary.manifests) == (2, 1)
    assert fault_server.verbs().count(("PUT", "/upload/1")) == 3
    assert fault_server.verbs().count(("PUT", target)) == 2


def test_a_refused_upload_tells_no_secret(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    words = b'{"errors":[{"code":"DENIED","message":"quota of https://u:p@h/ is used up"}]}'
    accept_uploads(fault_server, answer, blob, answer(status=403, body=words))
    with pytest.raises(AuthError) as raised:
        faulty.write_blob(blob, blob_content)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be sent to the registry.\n"
        f"  where: PUT http://{fault_server.host}/upload/1\n"
        "  found: HTTP 403 Forbidden: DENIED (quota of https://h/ is used up)\n"
        "  hint: no credentials are kept for this registry: use `ocistacks login`"
    )


def test_an_upload_is_not_sent_elsewhere_unencrypted(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    accept_uploads(fault_server, answer, blob)
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


def test_a_mount_that_is_refused_gives_its_upload_back(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    accept_uploads(fault_server, answer, blob)
    fault_server.on("DELETE", "/upload/1", answer(status=204))
    assert faulty.mount_blob(blob.digest, "shared/layers") is False
    assert fault_server.requests[0][1].endswith(
        f"?mount=sha256%3A{blob.digest.hex}&from=shared%2Flayers"
    )
    assert fault_server.verbs()[-1] == ("DELETE", "/upload/1")


def test_an_unreachable_registry(environment, monkeypatch):
    monkeypatch.setattr("ocistacks.registry.retry.PAUSES_SECONDS", (0.01,))
    with (
        Repository("127.0.0.1:1", "x", environment=environment) as repository,
        pytest.raises(TransferError) as raised,
    ):
        repository.resolve("latest")
    assert str(raised.value) == (
        "The registry cannot be asked for 127.0.0.1:1/x:latest.\n"
        "  where: HEAD http://127.0.0.1:1/v2/x/manifests/latest\n"
        "  found: ConnectionRefusedError: [Errno 111] Connection refused\n"
        "  hint: check the host's name, the network and proxy settings, then try again"
    )


def test_a_manifest_with_another_digest(fault_server, faulty, answer):
    content, root = image()
    other, _ = image(OTHER)
    fault_server.on("GET", path_of(root), answer(body=other))
    with pytest.raises(DigestError) as raised:
        faulty.read_manifest(root)
    assert raised.value.found == Digest.of_bytes(other)
    assert raised.value.expected == Digest.of_bytes(content)


def test_a_manifest_without_end(fault_server, faulty, answer):
    _, root = image()
    fault_server.on("GET", path_of(root), answer(body=bytes(5 << 20)))
    with pytest.raises(UnsafeContentError) as raised:
        faulty.read_manifest(root)
    assert raised.value.what == "A document is larger than a manifest may be."


def test_a_registry_that_tells_no_digest_is_read(fault_server, faulty, answer):
    content, root = image()
    headers = {"Content-Type": MANIFEST_TYPE}
    fault_server.on("HEAD", "/v2/x/manifests/v1", answer(headers=headers))
    fault_server.on("GET", "/v2/x/manifests/v1", answer(body=content, headers=headers))
    assert faulty.resolve("v1") == root


def log_in(environment, tmp_path, host):
    folder = tmp_path / "home" / ".docker"
    folder.mkdir(parents=True)
    auth = base64.b64encode(b"user:pass word").decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return auth


def test_refused_without_credentials(fault_server, faulty, answer):
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


def test_basic_credentials(fault_server, faulty, answer, environment, tmp_path):
    auth = log_in(environment, tmp_path, fault_server.host)
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": 'Basic realm="registry"'}
    fault_server.on("GET", path_of(blob), answer(401, headers=challenge), answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    assert read_blob(faulty, blob) == BLOB
    sent = [headers.get("Authorization") for _, _, headers, _ in fault_server.requests]
    assert sent == [None, f"Basic {auth}", f"Basic {auth}"]


def test_a_token_that_expires_is_renewed(fault_server, faulty, answer, environment, tmp_path):
    auth = log_in(environment, tmp_path, fault_server.host)
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


def test_an_upload_that_needs_a_new_token_begins_again(
    fault_server, faulty, answer, environment, tmp_path
):
    log_in(environment, tmp_path, fault_server.host)
    blob = descriptor_of(BLOB)
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{fault_server.host}/token"'}
    accept_uploads(fault_server, answer, blob, answer(401, headers=challenge), answer(status=201))
    fault_server.on("PUT", "/upload/1", answer(401, headers=challenge), answer(status=201))
    fault_server.on("GET", "/token", answer(body=b'{"token":"one"}'))
    faulty.write_blob(blob, blob_content)
    assert fault_server.requests[-1][3] == BLOB


def test_credentials_are_not_sent_unencrypted(fault_server, faulty, answer, environment, tmp_path):
    log_in(environment, tmp_path, fault_server.host)
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


def test_a_token_server_that_says_nonsense(fault_server, faulty, answer, environment, tmp_path):
    log_in(environment, tmp_path, fault_server.host)
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
    fault_server, faulty, answer, environment, tmp_path
):
    auth = log_in(environment, tmp_path, fault_server.host)
    blob = descriptor_of(BLOB)
    port = fault_server.host.partition(":")[2]
    challenge = answer(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
    elsewhere = answer(307, headers={"Location": f"http://localhost:{port}/store/1"})
    fault_server.on("GET", path_of(blob), challenge, elsewhere)
    fault_server.on("GET", "/store/1", answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    sent = [headers.get("Authorization") for _, _, headers, _ in fault_server.requests]
    assert sent == [None, f"Basic {auth}", None]


def test_redirects_in_a_circle(fault_server, faulty, answer):
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(blob), answer(307, headers={"Location": path_of(blob)}))
    with pytest.raises(TransferError) as raised:
        read_blob(faulty, blob)
    assert raised.value.found == "TooManyRedirects: Exceeded 30 redirects."


def test_one_failure_stops_the_others(fault_server, faulty, answer, stack, reporter):
    broken = stack.layers[0].blob.digest
    for layer in stack.layers:
        accept_uploads(fault_server, answer, descriptor_of_layer(layer), answer(status=201))
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


def test_a_missing_blob(faulty):
    with pytest.raises(NotFoundError) as raised:
        read_blob(faulty, descriptor_of(BLOB))
    assert raised.value.found == "HTTP 404 Not Found"
