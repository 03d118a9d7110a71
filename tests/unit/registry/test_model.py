from __future__ import annotations

import json

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.platforms import Platform
from ocistacks.registry.media_types import DOCKER_MANIFEST, IMAGE_INDEX, IMAGE_MANIFEST
from ocistacks.registry.model import (
    Descriptor,
    Index,
    Manifest,
    PlatformObject,
    read_graph_document,
    read_kind,
)

DIGEST = Digest.of_bytes(b"")
BOTH = "both a list of manifests and an image"
PART = {"mediaType": "application/octet-stream", "digest": DIGEST, "size": 0}


def document(media_type=IMAGE_MANIFEST, **fields):
    base = {"schemaVersion": 2, "mediaType": media_type}
    return json.dumps(base | fields).encode()


def descriptor(media_type=IMAGE_MANIFEST):
    return Descriptor(media_type=media_type, digest=DIGEST, size=1)


def read(content, media_type=IMAGE_MANIFEST):
    return read_graph_document(content, descriptor(media_type), where="here")


def test_a_manifest_and_an_index_are_read():
    assert isinstance(read(document(config=PART, layers=[PART])), Manifest)
    assert isinstance(read(document(IMAGE_INDEX, manifests=[]), IMAGE_INDEX), Index)
    assert isinstance(
        read(document(DOCKER_MANIFEST, config=PART, layers=[]), DOCKER_MANIFEST), Manifest
    )


def test_foreign_fields_are_kept():
    content = document(config=PART, layers=[PART | {"data": "aGk="}], other={"a": [1]})
    written = json.loads(read(content).canonical())
    assert written == json.loads(content)


def test_no_media_type_of_its_own_is_fine():
    content = json.dumps({"schemaVersion": 2, "config": PART, "layers": []}).encode()
    assert read(content).media_type is None


@pytest.mark.parametrize(
    ("content", "media_type", "found"),
    [
        (document(config=PART, layers=[], manifests=[]), IMAGE_MANIFEST, BOTH),
        (document(IMAGE_INDEX, manifests=[], layers=[PART]), IMAGE_INDEX, BOTH),
        (document(IMAGE_INDEX, manifests=[], config=PART), IMAGE_INDEX, BOTH),
        (document(IMAGE_INDEX, config=PART, layers=[]), IMAGE_MANIFEST, IMAGE_INDEX),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(content, media_type, found):
    with pytest.raises(UnsafeContentError) as raised:
        read(content, media_type)
    assert str(raised.value) == (
        "A document says of itself that it is something else than it was announced as.\n"
        "  where: here\n"
        f"  found: {found}\n"
        f"  expected: {media_type}"
    )


def test_other_types_are_not_followed():
    with pytest.raises(UnsafeContentError) as raised:
        read(b"{}", "application/json")
    assert raised.value.what == "An object of this type cannot be followed."
    assert raised.value.found == "application/json"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<html>", "document: Invalid JSON: expected value at line 1 column 1"),
        (document(layers=[]), "config: Field required"),
        (
            document(config=PART | {"digest": "sha512:" + "0" * 128}, layers=[]),
            "config.digest: This is not a digest that ocistacks can check.",
        ),
        (
            document(config=PART | {"size": -1}, layers=[]),
            "config.size: Input should be greater than or equal to 0",
        ),
        (b"[" * 100_000, "document: Invalid JSON: recursion limit exceeded"),
    ],
)
def test_documents_that_are_none(content, found):
    with pytest.raises(TransferError) as raised:
        read(content)
    assert raised.value.found is not None
    assert raised.value.found.startswith(found)
    assert raised.value.where == "here"
    assert raised.value.expected == "Manifest (OCI image spec 1.1)"


def test_a_document_is_bounded():
    with pytest.raises(UnsafeContentError) as raised:
        read(document(config=PART, layers=[], note="x" * (4 << 20)))
    assert raised.value.what == "A document is larger than a manifest may be."
    assert raised.value.expected == "at most 4194304 bytes"


def test_the_kind_of_a_document():
    content = document(artifactType="a/b", config=PART, layers=[])
    assert read_kind(content, where="here") == (IMAGE_MANIFEST, "a/b")


def test_platforms_there_and_back():
    for platform in Platform:
        written = PlatformObject.of(platform)
        assert written.platform() == platform
        assert [each for each in Platform if written.names(each)] == [platform]
    assert PlatformObject(os="plan9", architecture="mips").platform() is None
    assert PlatformObject(os="linux", architecture="arm64", variant="v8").names(
        Platform.LINUX_AARCH64
    )
