from __future__ import annotations

import pytest

from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.oci.assemble import application_image, layer_artifact
from ocistacks.oci.description import LayerDescription, is_layer_artifact
from ocistacks.platforms import Platform
from ocistacks.registry.model import Descriptor


def read(values):
    return LayerDescription.from_annotations(values, Platform.LINUX_X86_64, where="the index")


def test_annotations_are_read_back(layers):
    for layer in layers:
        assert read(layer.description.annotations()) == layer.description


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("dev.ocistacks.layer.name", None, "nothing"),
        ("dev.ocistacks.layer.kind", "", "an empty text"),
        ("dev.ocistacks.layer.lock-hash", "md5:0", "'md5:0'"),
        ("dev.ocistacks.layer.input-digest", None, "nothing"),
        ("dev.ocistacks.layer.lock-version", "-1", "'-1'"),
        ("dev.ocistacks.layer.lock-version", "1" * 10, "'1111111111'"),
        ("dev.ocistacks.layer.requires", ",".join("a" * 1001), "1001 names"),
    ],
)
def test_senseless_annotations(application, key, value, found):
    values = application.description.annotations()
    del values[key]
    if value is not None:
        values[key] = value
    with pytest.raises(TransferError) as raised:
        read(values)
    assert str(raised.value) == (
        "A layer's annotations do not say what ocistacks needs to know.\n"
        f"  where: {key} of the index\n"
        f"  found: {found}\n"
        "  hint: push the stack again with a current ocistacks"
    )


@pytest.mark.parametrize(
    "key",
    [
        "dev.ocistacks.layer.install-target",
        "dev.ocistacks.layer.requires",
        "org.opencontainers.image.title",
    ],
)
@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a\\b", ".hidden", "a\0b"])
def test_names_that_are_paths_are_refused(application, key, name):
    with pytest.raises(UnsafeContentError) as raised:
        read(application.description.annotations() | {key: name})
    assert raised.value.found == repr(name)
    assert raised.value.expected == "a plain name without a path"
    assert raised.value.where == "the index"


def test_an_escaped_path_is_refused(application):
    values = application.description.annotations()
    with pytest.raises(UnsafeContentError):
        read(values | {"dev.ocistacks.layer.requires": "a%2F..%2Fb"})


def test_layer_artifacts_are_known_with_and_without_their_type(layers):
    artifact = layer_artifact(layers[0].description, layers[0].blob).descriptor
    image = application_image(None, layers, "demo").descriptor
    without = artifact.model_copy(update={"artifact_type": None})
    other = artifact.model_copy(update={"artifact_type": "application/spdx+json"})
    bare = Descriptor(media_type=artifact.media_type, digest=artifact.digest, size=1)
    candidates = (artifact, without, image, other, bare)
    assert [is_layer_artifact(each) for each in candidates] == [True, True, False, False, False]
