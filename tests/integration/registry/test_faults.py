"""A proxy that breaks what passes: what recovers, and what the user is told of the rest."""

from __future__ import annotations

import random

import pytest

from ocistacks.errors import AuthError, DigestError, NotFoundError, TransferError
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.progress import SilentReporter
from ocistacks.registry.model import Manifest
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CODES = b'{"errors":[{"code":"%s","message":"%s"}]}'


@pytest.fixture
def root(repository, blob):
    """An image in the registry that holds the blob."""
    manifest = Manifest(media_type=MANIFEST_TYPE, config=blob, layers=(blob,)).canonical()
    repository.write_manifest(manifest, MANIFEST_TYPE, "v1")
    return repository.resolve("v1")


@pytest.mark.parametrize(
    ("status", "words", "kind", "hint"),
    [
        (
            401,
            (b"UNAUTHORIZED", b"authentication required"),
            AuthError,
            "no credentials are kept for this registry: use `ocistacks login`",
        ),
        (
            403,
            (b"DENIED", b"not yours"),
            AuthError,
            "no credentials are kept for this registry: use `ocistacks login`",
        ),
        (
            404,
            (b"BLOB_UNKNOWN", b"no such blob"),
            NotFoundError,
            "check the repository's name and the tag",
        ),
    ],
)
def test_a_refusal(proxied, proxy, blob, repository_name, status, words, kind, hint):
    proxy.add("GET", "/blobs/", status=status, body=CODES % words)
    with pytest.raises(kind) as raised:
        read_blob(proxied, blob)
    reason = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}[status]
    code, message = (word.decode() for word in words)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be read.\n"
        f"  where: GET http://{proxy.host}/v2/{repository_name}/blobs/{blob.digest}\n"
        f"  found: HTTP {status} {reason}: {code} ({message})\n"
        f"  hint: {hint}"
    )


def test_a_length_that_is_too_small(proxied, proxy, blob):
    proxy.add("GET", "/blobs/", lies={"Content-Length": "1000000"})
    with pytest.raises(DigestError) as raised:
        read_blob(proxied, blob)
    assert (raised.value.found, raised.value.expected) == ("1000000 bytes", "3500000 bytes")
    # What the lie left on the connection is not taken for the next answer.
    assert proxied.has_blob(blob.digest)


@pytest.mark.usefixtures("quick")
def test_a_length_that_is_too_large(proxied, proxy, blob, content):
    # The answer seems to break off at its end, and so it goes on there.
    proxy.add("GET", "/blobs/", lies={"Content-Length": "4000000"}, truncate=3_500_000)
    assert read_blob(proxied, blob) == content


def test_another_size_of_a_blob_that_is_known_by_its_digest(proxied, proxy, blob):
    proxy.add("HEAD", "/blobs/", lies={"Content-Length": "99"})
    with pytest.raises(DigestError) as raised:
        read_blob(proxied, proxied.find_blob(blob.digest))
    assert raised.value.expected == "99 bytes"


def test_redirects_in_a_circle(proxied, proxy, blob):
    path = f"/v2/x/blobs/{blob.digest}"
    proxy.add("GET", "/blobs/", status=307, lies={"Location": path}, times=99)
    with pytest.raises(TransferError) as raised:
        read_blob(proxied, blob)
    assert raised.value.found == "TooManyRedirects: Exceeded 30 redirects."
    assert len(proxy.log) == 31  # and not as many again


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", [{"cut": 0}, {"truncate": 0}, {"status": 503}, {"status": 429}])
def test_a_manifest_is_asked_for_again(proxied, proxy, root, how):
    proxy.add("GET", "/manifests/", **how)
    assert proxied.read_manifest(root)
    assert [seen.verb for seen in proxy.log] == ["GET", "GET"]


def test_a_manifest_of_other_bytes(proxied, proxy, root):
    proxy.add("GET", "/manifests/", flip=10)
    with pytest.raises(DigestError) as raised:
        proxied.read_manifest(root)
    assert raised.value.expected == root.digest


FAULTS = (
    {"cut": 900_000},
    {"cut": 2_500_000},
    {"truncate": 1_200_000},
    {"status": 503, "lies": {"Retry-After": "0"}},
    {"status": 502},
    {"status": 429, "lies": {"Retry-After": "0"}},
    {"cut_request": 700_000},
    {"cut_request": 0},
    {"lose_answer": True},
    {"delay": 0.1},
)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", range(10))
def test_there_and_back_among_all_that_passes(
    registry, keeping, repository_name, environment, describe, opener, content, tmp_path, seed
):
    chance = random.Random(seed)
    layout = ImageLayout.create(tmp_path / "here")
    blob = describe(content)
    layout.write_blob(blob, opener(content))
    manifest = Manifest(media_type=MANIFEST_TYPE, config=blob, layers=(blob,)).canonical()
    layout.write_manifest(manifest, MANIFEST_TYPE, "v1")
    root = layout.resolve("v1")
    there = ImageLayout.create(tmp_path / "there")
    for _ in range(6):
        verb = chance.choice(("GET", "POST", "PATCH", "PUT", "HEAD"))
        keeping.add(verb, chance.choice(("/blobs/", "/manifests/")), **chance.choice(FAULTS))
    with Repository(keeping.host, repository_name, environment=environment) as middle:
        copy_objects(layout, middle, root, reporter=SilentReporter(), tag="v1")
        copy_objects(middle, there, root, reporter=SilentReporter(), tag="v1")
    assert there.resolve("v1").digest == root.digest
    assert there.blob_path(blob.digest).read_bytes() == content
    assert not (tmp_path / "there" / ".partial").exists()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 404}, 6),
        ({"status": 401}, 7),
        ({"status": 403}, 7),
        ({"flip": 10}, 8),
        ({"status": 503, "lies": {"Retry-After": "0"}}, 10),
        ({"status": 400}, 10),
    ],
)
def test_the_exit_codes(ocistacks, proxy, repository_name, root, tmp_path, fault, code):
    proxy.add("GET", "/manifests/", times=9, **fault)
    proxy.add("HEAD", "/manifests/", times=9, **fault)
    reference = f"{proxy.host}/{repository_name}@{root.digest}"
    found, output, error = ocistacks(
        "pull", reference, str(tmp_path / "out"), OCISTACKS_STORE=str(tmp_path / "store")
    )
    assert (found, output) == (code, "")
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
