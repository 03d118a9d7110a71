"""Blobs that the store does not have come from where they were found."""

from __future__ import annotations

from contextlib import contextmanager

from ocistacks.oci.assemble import layer_artifact
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.registry.source import read_blob
from ocistacks.store.store import Store


class Elsewhere:
    """A source of one blob."""

    @contextmanager
    def open_blob(self, descriptor):
        yield iter((b"content of ", descriptor.digest.encode()))

    def describe(self, descriptor):
        return f"elsewhere@{descriptor.digest}"


def test_a_blob_that_was_found_is_read_from_its_origin(runtime, tmp_path):
    artifact = layer_artifact(runtime.description, runtime.blob)
    [blob] = artifact.layers
    source = AssembledSource(
        (artifact,), store=Store(tmp_path), elsewhere={blob.digest: Elsewhere()}
    )
    assert read_blob(source, blob) == b"content of " + blob.digest.encode()
    assert source.describe(blob) == f"elsewhere@{blob.digest}"
    assert source.blob_file(blob) is None
    assert read_blob(source, artifact.configuration_descriptor) == artifact.configuration
