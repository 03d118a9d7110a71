"""Layers in an image layout and in a registry, to be pulled into stores."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.deploy.layer_trees import ensure_tree
from ocistacks.digests import Digest
from ocistacks.progress import SilentReporter
from ocistacks.registry.model import Descriptor
from ocistacks.registry.repository import Repository
from ocistacks.store.store import Store

TARGET = "framework-x"


@dataclass(frozen=True)
class Layer:
    """A packed layer: its descriptor, the digest of its tar, and where its bytes are."""

    descriptor: Descriptor
    diff_id: Digest
    path: Path


@pytest.fixture
def tree(tmp_path):
    """A tree of three packages, links and an executable; random, so that no registry knows it."""
    folder = tmp_path / "tree"
    for package in ("alpha", "beta", "gamma"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
        (folder / package / "library.so").write_bytes(os.urandom(400_000))
        for number in range(20):
            (folder / package / f"module{number}.py").write_text(os.urandom(1000).hex())
    (folder / "bin").mkdir()
    (folder / "bin" / "run").write_text("#!/bin/sh\necho hello\n")
    (folder / "bin" / "run").chmod(0o755)
    (folder / "bin" / "link").symlink_to("run")
    (folder / "large").write_bytes(os.urandom(9_000_000))  # more than one chunk
    return folder


@pytest.fixture
def pack(tmp_path):
    """Pack a tree as it is now."""

    def packed(folder, target=TARGET, **options):
        path = tmp_path / f"blob-{len(list(tmp_path.glob('blob-*')))}"
        with path.open("wb") as output:
            blob = pack_tree(folder, target, output, **options)
        descriptor = Descriptor(
            media_type=blob.media_type,
            digest=blob.digest,
            size=blob.size,
            annotations={
                **blob.annotations,
                "dev.ocistacks.blob.uncompressed-size": str(blob.uncompressed_size),
            },
        )
        return Layer(descriptor=descriptor, diff_id=blob.diff_id, path=path)

    return packed


@pytest.fixture
def repository(registry):
    with Repository(registry, f"pull-{os.getpid()}", environment={}) as opened:
        yield opened


@pytest.fixture
def push(repository):
    def pushed(layer):
        @contextmanager
        def content():
            with layer.path.open("rb") as stream:
                yield iter(lambda: stream.read(1 << 20), b"")

        repository.write_blob(layer.descriptor, content)
        return layer

    return pushed


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def pull(store, repository):
    """Pull a layer's tree into a store."""

    def pulled(layer, source=repository, into=store, target=TARGET):
        return ensure_tree(
            into,
            source,
            layer.descriptor,
            diff_id=layer.diff_id,
            install_target=target,
            reporter=SilentReporter(),
        )

    return pulled


@pytest.fixture
def contents():
    """What is in a tree: content, executable bit or link target by name."""

    def read(folder):
        found = {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_dir():
                found[name] = "folder"
            else:
                found[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        return found

    return read
