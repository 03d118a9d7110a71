from __future__ import annotations

import json

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.oci.assemble import (
    BaseImage,
    application_image,
    image_index,
    input_digest_tag,
    layer_artifact,
    stack_index,
)
from ocistacks.platforms import Platform
from ocistacks.registry.model import Descriptor, ImageConfiguration

EPOCH = "1980-01-01T00:00:00Z"


def base_image(**fields):
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {
            "User": "1234",
            "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"],
            "Entrypoint": ["/entry"],
            "Cmd": ["/bin/sh"],
            "WorkingDir": "/srv",
            "Labels": {"a": "b"},
            "Healthcheck": {"Interval": 1.5},
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest.of_bytes(b"base tar")]},
        "history": [
            {"created": "2026-01-02T03:04:05Z", "created_by": "debootstrap"},
            {"created": "2026-01-02T03:04:05Z", "created_by": "CMD", "empty_layer": True},
        ],
    }
    return BaseImage(
        name="example.org/base:1",
        digest=Digest.of_bytes(b"base manifest"),
        layers=(
            Descriptor(
                media_type="application/vnd.oci.image.layer.v1.tar+gzip",
                digest=Digest.of_bytes(b"base layer"),
                size=9,
            ),
        ),
        configuration=ImageConfiguration.model_validate(document | fields),
    )


def test_a_layer_artifact_is_what_the_page_says(application):
    assembled = layer_artifact(application.description, application.blob)
    annotations = {
        "dev.ocistacks.application.launch-module": "demo",
        "dev.ocistacks.layer.input-digest": Digest.of_bytes(b"input app-demo@2"),
        "dev.ocistacks.layer.install-target": "app-demo@2",
        "dev.ocistacks.layer.kind": "application",
        "dev.ocistacks.layer.lock-hash": Digest.of_bytes(b"lock app-demo@2"),
        "dev.ocistacks.layer.lock-version": "3",
        "dev.ocistacks.layer.name": "app-demo",
        "dev.ocistacks.layer.requires": "framework-a%2Cb%25,cpython-3.13",
        "org.opencontainers.image.title": "app-demo@2.tar.zst",
    }
    assert json.loads(assembled.manifest) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.ocistacks.layer.v1",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest.of_bytes(assembled.configuration),
            "size": len(assembled.configuration),
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
                "digest": Digest.of_bytes(b"blob app-demo@2"),
                "size": 1000,
                "annotations": {
                    "io.github.containers.zstd-chunked.manifest-position": "1:2:3:1",
                    "org.opencontainers.image.title": "app-demo@2.tar.zst",
                    "dev.ocistacks.blob.uncompressed-size": "5000",
                    "dev.ocistacks.blob.file-count": "7",
                },
            }
        ],
        "annotations": annotations,
    }
    assert json.loads(assembled.configuration) == {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "rootfs": {"type": "layers", "diff_ids": [Digest.of_bytes(b"tar app-demo@2")]},
        "history": [{"created": EPOCH, "created_by": "ocistacks application app-demo@2"}],
    }
    assert json.loads(assembled.descriptor.canonical()) == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.ocistacks.layer.v1",
        "digest": Digest.of_bytes(assembled.manifest),
        "size": len(assembled.manifest),
        "annotations": annotations,
        "platform": {"architecture": "amd64", "os": "linux"},
    }


def test_the_bytes_are_golden(layers):
    """A change here changes the digest of every artifact: make it knowingly."""
    artifacts = [layer_artifact(layer.description, layer.blob) for layer in layers]
    image = application_image(base_image(), layers, "demo")
    index = stack_index([each.descriptor for each in artifacts], [image.descriptor])
    assert index.descriptor.digest == Digest.from_hex(
        "0e9b3881ee472b25326a0c59a99a86c8d6247977415df216262d1514df44f2e0"
    )


def test_an_application_image_stands_on_its_base(layers):
    base = base_image()
    image = application_image(base, layers, "demo")
    assert image.layers[0] == base.layers[0]
    assert [entry.digest for entry in image.layers[1:]] == [each.blob.digest for each in layers]
    assert json.loads(image.configuration) == {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {
            "User": "1234",
            "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"],
            "Entrypoint": ["/app-demo@2/bin/python", "-m", "demo"],
            "WorkingDir": "/srv",
            "Labels": {"a": "b"},
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [
                Digest.of_bytes(b"base tar"),
                *(layer.blob.diff_id for layer in layers),
            ],
        },
        "history": [
            {"created": "2026-01-02T03:04:05Z", "created_by": "debootstrap"},
            {"created": "2026-01-02T03:04:05Z", "created_by": "CMD", "empty_layer": True},
            {"created": EPOCH, "created_by": "ocistacks runtime cpython-3.13"},
            {"created": EPOCH, "created_by": "ocistacks framework framework-a,b%"},
            {"created": EPOCH, "created_by": "ocistacks application app-demo@2"},
        ],
    }
    manifest = json.loads(image.manifest)
    assert "artifactType" not in manifest
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == "example.org/base:1"
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == base.digest
    assert "org.opencontainers.image.title" not in manifest["annotations"]


def test_a_history_that_does_not_fit_the_base_is_made_up(layers):
    image = application_image(base_image(history=None), layers, "demo")
    history = json.loads(image.configuration)["history"]
    assert history[0] == {"created": EPOCH, "created_by": "base example.org/base:1"}
    assert len(history) == 4


def test_a_base_without_path_gets_one(layers):
    image = application_image(base_image(config={"Env": ["A=1"]}), layers, "demo")
    assert json.loads(image.configuration)["config"]["Env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "A=1",
    ]


def test_an_image_is_for_linux_alone(layer):
    application = layer("application", "app-x", platform=Platform.MACOSX_ARM64, module="x")
    with pytest.raises(UsageError) as raised:
        application_image(None, [application], "x")
    assert str(raised.value) == (
        "An application image can be made for Linux alone.\n"
        "  where: app-x\n"
        "  found: macosx_arm64\n"
        "  hint: leave this platform's images away with --base-image none"
    )


def test_a_stack_index_lists_images_first(layers):
    artifacts = [layer_artifact(each.description, each.blob).descriptor for each in layers]
    image = application_image(None, layers, "demo").descriptor
    assembled = stack_index(artifacts, [image], annotations={"a": "b"})
    index = json.loads(assembled.index)
    assert index["artifactType"] == "application/vnd.ocistacks.stack.v1"
    assert index["annotations"] == {"a": "b"}
    digests = [entry["digest"] for entry in index["manifests"]]
    assert digests == [image.digest, *(artifact.digest for artifact in artifacts)]
    assert assembled.descriptor.digest == Digest.of_bytes(assembled.index)
    assert assembled.descriptor.artifact_type == "application/vnd.ocistacks.stack.v1"


def test_an_image_index_is_an_ordinary_one(layers):
    image = application_image(None, layers, "demo").descriptor
    index = json.loads(image_index([image]).index)
    assert set(index) == {"schemaVersion", "mediaType", "manifests"}


def test_the_tag_of_an_input_digest():
    assert input_digest_tag(Digest.from_hex("0f" * 32)) == "input-" + "0f" * 32
