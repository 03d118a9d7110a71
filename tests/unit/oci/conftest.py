"""Layers as plain values: no tree is packed for them."""

from __future__ import annotations

import pytest

from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD, Blob
from ocistacks.digests import Digest
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.platforms import Platform


def make_layer(kind, install_target, *, requires=(), platform=Platform.LINUX_X86_64, module=None):
    """A layer whose digests depend on its install target alone."""
    description = LayerDescription(
        name=install_target.partition("@")[0],
        kind=kind,
        install_target=install_target,
        lock_hash=Digest.of_bytes(b"lock " + install_target.encode()),
        input_digest=Digest.of_bytes(b"input " + install_target.encode()),
        lock_version=3,
        requires=requires,
        platform=platform,
        archive_name=f"{install_target}.tar.zst",
        launch_module=module,
    )
    blob = Blob(
        digest=Digest.of_bytes(b"blob " + install_target.encode()),
        size=1000,
        diff_id=Digest.of_bytes(b"tar " + install_target.encode()),
        uncompressed_size=5000,
        media_type=MEDIA_TYPE_TAR_ZSTD,
        annotations={"io.github.containers.zstd-chunked.manifest-position": "1:2:3:1"},
        file_count=7,
    )
    return Layer(description=description, blob=blob)


@pytest.fixture
def runtime():
    return make_layer("runtime", "cpython-3.13")


@pytest.fixture
def application():
    return make_layer(
        "application", "app-demo@2", requires=("framework-a,b%", "cpython-3.13"), module="demo"
    )


@pytest.fixture
def layers(runtime, application):
    framework = make_layer("framework", "framework-a,b%", requires=("cpython-3.13",))
    return (runtime, framework, application)


@pytest.fixture
def layer():
    return make_layer
