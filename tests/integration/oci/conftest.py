"""A small stack of really packed layers, a reporter that remembers, objects at a faulty server."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.digests import Digest
from ocistacks.oci.assemble import application_image, layer_artifact, stack_index
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.platforms import Platform
from ocistacks.registry.model import Descriptor
from ocistacks.store.store import Store

if TYPE_CHECKING:
    from ocistacks.oci.assemble import Assembled, AssembledIndex

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Stack:
    """What `push` would send."""

    store: Store
    layers: tuple[Layer, ...]
    artifacts: tuple[Assembled, ...]
    image: Assembled
    index: AssembledIndex

    @property
    def root(self):
        return self.index.descriptor

    @property
    def source(self):
        return AssembledSource((*self.artifacts, self.image), (self.index,), store=self.store)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def make_layer(tmp_path, store):
    """Pack a tree with a random file into the store, so that no registry knows it."""

    def make(kind, install_target, *, requires=(), size=300_000, launch_module=None):
        tree = tmp_path / f"tree-{install_target}"
        (tree / "bin").mkdir(parents=True)
        (tree / "data").write_bytes(os.urandom(size))
        (tree / "bin" / "python").write_text("#!/bin/sh\necho ran $0 $*\n")
        (tree / "bin" / "python").chmod(0o755)
        with store.new_blob() as temporary:
            with temporary.open("wb") as stream:
                blob = pack_tree(tree, install_target, stream)
            store.adopt(temporary, blob.digest)
        description = LayerDescription(
            name=install_target.partition("@")[0],
            kind=kind,
            install_target=install_target,
            lock_hash=Digest.of_bytes(b"lock"),
            input_digest=Digest.of_bytes(os.urandom(8)),
            lock_version=1,
            requires=requires,
            platform=Platform.LINUX_X86_64,
            archive_name=f"{install_target}.tar.zst",
            launch_module=launch_module,
        )
        return Layer(description=description, blob=blob)

    return make


@pytest.fixture
def stack(make_layer, store):
    runtime = make_layer("runtime", "cpython-3.13")
    framework = make_layer("framework", "framework-x@2", requires=("cpython-3.13",))
    application = make_layer(
        "application",
        "app-demo",
        requires=("framework-x@2", "cpython-3.13"),
        launch_module="demo",
    )
    layers = (runtime, framework, application)
    artifacts = tuple(layer_artifact(layer.description, layer.blob) for layer in layers)
    image = application_image(None, layers, "demo")
    index = stack_index([each.descriptor for each in artifacts], [image.descriptor])
    return Stack(store=store, layers=layers, artifacts=artifacts, image=image, index=index)


@pytest.fixture
def run():
    """Run a tool; its messages become the test's when it fails."""

    def run_tool(*command, **options):
        result = subprocess.run(
            [str(part) for part in command], capture_output=True, check=False, **options
        )
        assert result.returncode == 0, result.stderr.decode() + result.stdout.decode()[-2000:]
        return result.stdout

    return run_tool


@pytest.fixture
def command(environment, tmp_path):
    """Run `ocistacks`; give its stdout, or its stderr where another exit code is expected."""

    def run_command(*arguments, code=0):
        finished = subprocess.run(
            [Path(sys.executable).with_name("ocistacks"), *map(str, arguments)],
            env={**environment, "OCISTACKS_STORE": str(tmp_path / "none")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == code, f"{finished.stdout}\n{finished.stderr}"
        return finished.stdout if code == 0 else finished.stderr

    return run_command


class RecordingReporter:
    """Keeps what was told."""

    def __init__(self):
        self.tasks = {}
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def task(self, label, *, total=None, unit="bytes"):
        self.tasks[label] = [total, 0]
        yield _RecordingTask(self, label)

    def say(self, message):
        raise AssertionError(message)


class _RecordingTask:
    def __init__(self, reporter, label):
        self.reporter = reporter
        self.label = label

    def advance(self, amount):
        with self.reporter.lock:
            self.reporter.tasks[self.label][1] += amount


@pytest.fixture
def reporter():
    return RecordingReporter()


@pytest.fixture
def descriptor_of():
    """A function that gives the descriptor of a content."""

    def describe(content, media_type="application/octet-stream"):
        return Descriptor(media_type=media_type, digest=Digest.of_bytes(content), size=len(content))

    return describe


@pytest.fixture
def path_of():
    """A function that gives the path under which the misbehaving server is asked for an object."""

    def path(descriptor):
        kind = "manifests" if descriptor.media_type == MANIFEST_TYPE else "blobs"
        return f"/v2/x/{kind}/{descriptor.digest}"

    return path


@pytest.fixture
def log_in(fault_server, tmp_path):
    """A function that keeps credentials for the misbehaving server; gives what is sent of them."""

    def keep():
        folder = tmp_path / "home" / ".docker"
        folder.mkdir(parents=True)
        auth = base64.b64encode(b"user:pass word").decode()
        auths = {fault_server.host: {"auth": auth}}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return auth

    return keep
