"""A layer repository gives what a plan asks for, and nothing that only says that it is that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocistacks.digests import Digest
from ocistacks.oci import annotations as keys
from ocistacks.oci.assemble import Assembled, input_digest_tag, layer_artifact
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.layer_repository import LayerRepository
from ocistacks.oci.transfer import copy_objects
from ocistacks.platforms import Platform
from ocistacks.registry.model import Manifest
from ocistacks.registry.reference import parse_reference
from ocistacks.request.model import BuildRequest, PythonInput
from ocistacks.request.plan import PlannedLayer
from ocistacks.store.store import Store


class Told:
    """A reporter that keeps what is said."""

    def __init__(self, reporter):
        self.task = reporter.task
        self.lines = []

    def say(self, message):
        self.lines.append(message)


@pytest.fixture
def planned():
    """The plan of a framework; nothing of its lock is asked for here."""
    request = BuildRequest(
        kind="framework",
        install_target="framework-x",
        platform=Platform.LINUX_X86_64,
        python=PythonInput(implementation="cpython", version="3.13.5", digest=None),
        lower_targets=("main",),
        wheels=(),
        modules=None,
        bytecode=False,
        compression="zstd",
        compression_level=3,
    )
    return PlannedLayer(lock=None, request=request, input_digest=request.input_digest, materials=())


@pytest.fixture
def layer(make_layer, planned):
    """The layer that was built for the plan."""
    made = make_layer("framework", "framework-x", requires=("main",))
    return replace(made, description=replace(made.description, input_digest=planned.input_digest))


@pytest.fixture
def other_store(tmp_path):
    return Store(tmp_path / "other")


@pytest.fixture
def told(reporter):
    return Told(reporter)


@pytest.fixture
def layers(repository, registry, repository_name, other_store, told):
    reference = parse_reference(f"{registry}/{repository_name}")
    return LayerRepository(repository, reference, store=other_store, reporter=told)


@pytest.fixture
def put(store, repository, planned, reporter):
    """Write an artifact under the plan's tag."""

    def write(artifact):
        copy_objects(
            AssembledSource((artifact,), store=store),
            repository,
            artifact.descriptor,
            tag=input_digest_tag(planned.input_digest),
            reporter=reporter,
        )

    return write


def test_what_is_there_is_found_and_fetched(layers, layer, planned, put, other_store, told):
    put(layer_artifact(layer.description, layer.blob))
    found = layers.find([planned])[planned.input_digest]
    assert found.blob == layer.blob
    assert str(found.origin).endswith(f":input-{planned.input_digest.hex}")
    assert not other_store.has_blob(layer.blob.digest)
    assert layers.fetch(found)
    assert other_store.has_blob(layer.blob.digest)
    assert told.lines == []


def test_what_is_not_there_is_not_found(layers, planned, told):
    assert layers.find([planned]) == {}
    assert told.lines == []


def relabelled(artifact, **changes):
    """Return an artifact whose one layer has other annotations."""
    manifest = Manifest.read(artifact.manifest, where="here")
    [blob] = manifest.layers
    kept = {key: value for key, value in (blob.annotations | changes).items() if value is not None}
    blob = blob.model_copy(update={"annotations": kept})
    content = manifest.model_copy(update={"layers": (blob,)}).canonical()
    descriptor = artifact.descriptor.model_copy(
        update={"digest": Digest.of_bytes(content), "size": len(content)}
    )
    return Assembled(
        manifest=content,
        configuration=artifact.configuration,
        configuration_descriptor=artifact.configuration_descriptor,
        descriptor=descriptor,
        layers=(blob,),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"platform": Platform.LINUX_AARCH64}, "platform linux_x86_64"),
        ({"install_target": "framework-y"}, "install target framework-x"),
        ({"kind": "runtime"}, "kind framework"),
        ({"input_digest": Digest.of_bytes(b"other")}, "input digest sha256:"),
    ],
)
def test_another_layer_is_not_taken(layers, layer, planned, put, told, changes, expected):
    put(layer_artifact(replace(layer.description, **changes), layer.blob))
    assert layers.find([planned]) == {}
    [line] = told.lines
    assert line.startswith("warning: The layer framework-x cannot be taken from ")
    assert f"An artifact is not the layer that its tag promises. {expected}" in line


def test_another_compression_is_not_taken(layers, layer, planned, put, told):
    asked = planned.request.model_copy(update={"compression": "gzip"})
    put(layer_artifact(layer.description, layer.blob))
    assert layers.find([replace(planned, request=asked)]) == {}
    assert told.lines[0].endswith("compression gzip")


@pytest.mark.parametrize("size", [None, "many"])
def test_a_blob_of_unknown_size_is_not_taken(layers, layer, planned, put, told, size):
    artifact = layer_artifact(layer.description, layer.blob)
    put(relabelled(artifact, **{keys.BLOB_UNCOMPRESSED_SIZE: size}))
    assert layers.find([planned]) == {}
    assert "An artifact does not say what is in its blob." in told.lines[0]


def test_a_configuration_that_lies_about_the_tar_leaves_no_record(
    layers, layer, planned, put, told
):
    lying = layer.blob.model_copy(update={"diff_id": Digest.of_bytes(b"another tar")})
    put(layer_artifact(layer.description, lying))
    found = layers.find([planned])[planned.input_digest]
    assert not layers.fetch(found)
    [line] = told.lines
    assert "A layer's blob is not what its configuration promises." in line


def test_a_blob_that_holds_more_than_it_says_is_not_taken(layers, layer, planned, put, told):
    lying = layer.blob.model_copy(update={"uncompressed_size": 1000})
    put(layer_artifact(layer.description, lying))
    found = layers.find([planned])[planned.input_digest]
    assert not layers.fetch(found)
    assert "A blob holds more than it may." in told.lines[0]
