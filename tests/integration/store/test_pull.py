"""Materials from a real registry, where another tool pushed them."""

import pytest
from oras.client import OrasClient

from ocistacks.digests import Digest
from ocistacks.errors import NotFoundError, TransferError, UsageError
from ocistacks.request.materials import Material

CONTENT = b"an archive" * 300_000


@pytest.fixture
def pushed(registry, tmp_path):
    """The reference of an artifact with one file, as `oras push` makes it."""
    path = tmp_path / "python.tar.zst"
    path.write_bytes(CONTENT)
    reference = f"{registry}/tools/python:3.13.5"
    client = OrasClient(insecure=True)
    client.push(reference, files=[str(path)], disable_path_validation=True)
    return reference


def material(reference, content=CONTENT, size=None):
    return Material(
        name="Python 3.13.5",
        digest=Digest.of_bytes(content),
        size=size,
        url=f"oci://{reference}",
    )


def refusal(kind, fetch, wanted):
    with pytest.raises(kind) as caught:
        fetch(wanted)
    return str(caught.value)


def test_a_file_that_another_tool_pushed(pushed, fetch, store):
    assert fetch(material(pushed)) == len(CONTENT)
    assert store.blob_path(Digest.of_bytes(CONTENT)).read_bytes() == CONTENT
    assert fetch(material(pushed)) == 0


def test_a_digest_that_the_repository_does_not_have(pushed, fetch, kept):
    wanted = material(pushed, b"another")
    host, _, _ = pushed.partition("/")
    assert refusal(NotFoundError, fetch, wanted) == (
        f"The blob {wanted.digest} cannot be read.\n"
        f"  where: HEAD http://{host}/v2/tools/python/blobs/{wanted.digest}\n"
        "  found: HTTP 404 Not Found\n"
        "  hint: check the repository's name and the tag"
    )
    assert kept() == []


def test_a_registry_that_sends_other_bytes(fetch, server, kept):
    wanted = material(f"{server.url.removeprefix('http://')}/tools/python")
    server.answers(f"/v2/tools/python/blobs/{wanted.digest}", {"body": b"x" * len(CONTENT)})
    assert "What was received is not what was promised" in refusal(Exception, fetch, wanted)
    assert kept() == []


def test_a_registry_that_tells_no_size(fetch, server, kept):
    wanted = material(f"{server.url.removeprefix('http://')}/tools/python")
    server.answers(f"/v2/tools/python/blobs/{wanted.digest}", {"body": b"", "promised": -1})
    assert refusal(TransferError, fetch, wanted) == (
        f"The blob {wanted.digest} cannot be read.\n"
        f"  where: HEAD {server.url}/v2/tools/python/blobs/{wanted.digest}\n"
        "  found: an answer without a Content-Length\n"
        "  expected: the blob's size in bytes"
    )
    assert kept() == []


def test_what_names_no_repository(fetch):
    assert refusal(UsageError, fetch, material("Upper")).startswith(
        "This is not a reference: the registry's host is missing.\n"
    )
