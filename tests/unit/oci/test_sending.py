"""One failure ends the others; what is there already is not touched."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, NotFoundError
from ocistacks.oci.assemble import layer_artifact
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.sending import BlobSender
from ocistacks.progress import SilentReporter
from ocistacks.registry.model import Descriptor
from ocistacks.registry.source import read_blob
from ocistacks.store.store import Store

ENDLESS = Descriptor(media_type="a/b", digest=Digest.of_bytes(b"endless"), size=10**12)
BROKEN = Descriptor(media_type="a/b", digest=Digest.of_bytes(b"broken"), size=5)


class EndlessSource:
    """Gives one blob that never ends, and one that is wrong once the first has begun."""

    def __init__(self):
        self.began = threading.Event()

    @contextmanager
    def open_blob(self, descriptor):
        yield self.endless() if descriptor == ENDLESS else self.broken()

    def endless(self):
        while True:
            self.began.set()
            yield b"more"

    def broken(self):
        assert self.began.wait(10)
        yield b"b"
        raise DigestError("This blob is wrong.")


@pytest.mark.timeout(20)
def test_one_failure_stops_the_others(tmp_path):
    layout = ImageLayout.create(tmp_path / "layout")
    sender = BlobSender(EndlessSource(), layout, reporter=SilentReporter())
    with ThreadPoolExecutor(2) as executor, pytest.raises(DigestError) as raised:
        sender.send((ENDLESS, BROKEN), executor)
    assert str(raised.value) == "This blob is wrong."
    assert not list((layout.folder / "blobs" / "sha256").iterdir())


def test_a_blob_that_left_the_store(runtime, tmp_path):
    store = Store(tmp_path)
    artifact = layer_artifact(runtime.description, runtime.blob)
    source = AssembledSource((artifact,), store=store)
    assert source.read_manifest(artifact.descriptor) == artifact.manifest
    assert read_blob(source, artifact.configuration_descriptor) == artifact.configuration
    with pytest.raises(NotFoundError) as raised:
        read_blob(source, artifact.layers[0])
    assert str(raised.value) == (
        "A layer's blob is not in the store.\n"
        f"  where: {store.blob_path(runtime.blob.digest)}\n"
        "  hint: build the stack again"
    )
