"""What a registry that lies or breaks off while it is read gets, and what the user is told."""

from __future__ import annotations

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, NotFoundError, TransferError, UnsafeContentError
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Manifest
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

BLOB = b"blob " * 1000
OTHER = b"lies " * 1000
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def image(descriptor_of):
    """A function that makes a manifest whose one layer and configuration are the same blob."""

    def make(blob=BLOB):
        part = descriptor_of(blob)
        content = Manifest(media_type=MANIFEST_TYPE, config=part, layers=(part,)).canonical()
        return content, descriptor_of(content, MANIFEST_TYPE)

    return make


def test_wrong_bytes(
    fault_server, faulty, answer, descriptor_of, path_of, image, tmp_path, reporter
):
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
def test_another_size(fault_server, faulty, answer, descriptor_of, path_of, sent, found):
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(blob), answer(body=sent))
    with pytest.raises(DigestError) as raised:
        read_blob(faulty, blob)
    assert (raised.value.found, raised.value.expected) == (found, "5000 bytes")


def test_a_cut_connection_is_tried_again(
    fault_server, faulty, answer, descriptor_of, path_of, image, tmp_path, reporter
):
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
    fault_server, faulty, answer, descriptor_of, path_of, image, tmp_path, reporter, monkeypatch
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


def test_a_server_error_is_tried_again(fault_server, faulty, answer, descriptor_of, path_of):
    blob = descriptor_of(BLOB)
    unwell = answer(status=503, headers={"Retry-After": "0"})
    fault_server.on("GET", path_of(blob), unwell, unwell, answer(body=BLOB))
    assert read_blob(faulty, blob) == BLOB
    assert len(fault_server.requests) == 3


def test_a_server_error_that_stays(fault_server, faulty, answer, descriptor_of, path_of):
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


def test_a_manifest_with_another_digest(fault_server, faulty, answer, path_of, image):
    content, root = image()
    other, _ = image(OTHER)
    fault_server.on("GET", path_of(root), answer(body=other))
    with pytest.raises(DigestError) as raised:
        faulty.read_manifest(root)
    assert raised.value.found == Digest.of_bytes(other)
    assert raised.value.expected == Digest.of_bytes(content)


def test_a_manifest_without_end(fault_server, faulty, answer, path_of, image):
    _, root = image()
    fault_server.on("GET", path_of(root), answer(body=bytes(5 << 20)))
    with pytest.raises(UnsafeContentError) as raised:
        faulty.read_manifest(root)
    assert raised.value.what == "A document is larger than a manifest may be."


def test_a_registry_that_tells_no_digest_is_read(fault_server, faulty, answer, image):
    content, root = image()
    headers = {"Content-Type": MANIFEST_TYPE}
    fault_server.on("HEAD", "/v2/x/manifests/v1", answer(headers=headers))
    fault_server.on("GET", "/v2/x/manifests/v1", answer(body=content, headers=headers))
    assert faulty.resolve("v1") == root


def test_redirects_in_a_circle(fault_server, faulty, answer, descriptor_of, path_of):
    blob = descriptor_of(BLOB)
    fault_server.on("GET", path_of(blob), answer(307, headers={"Location": path_of(blob)}))
    with pytest.raises(TransferError) as raised:
        read_blob(faulty, blob)
    assert raised.value.found == "TooManyRedirects: Exceeded 30 redirects."


def test_a_missing_blob(faulty, descriptor_of):
    with pytest.raises(NotFoundError) as raised:
        read_blob(faulty, descriptor_of(BLOB))
    assert raised.value.found == "HTTP 404 Not Found"
