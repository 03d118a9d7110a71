"""Stacks whose layers are small trees, planned as after locking and packed as after building."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.builder.build_stack import BuiltLayer
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.deploy.publish import publish_archives
from ocistacks.digests import Digest
from ocistacks.lock.metadata import LockMetadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import LayerLock, LockFile
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.plan import choose_layers, plan_stack, wheels_below_applications
from ocistacks.spec.parse import parse_stack
from ocistacks.store.store import Store

STACK = """
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []
platforms = ["linux_x86_64", "linux_aarch64"]
[[frameworks]]
name = "base"
runtime = "cpython-3.13"
requirements = []
[[frameworks]]
name = "above"
frameworks = ["base"]
requirements = []
versioned = true
[[applications]]
name = "demo"
launch_module = "demo.py"
support_modules = ["helper.py"]
frameworks = ["above"]
requirements = []
[[applications]]
name = "plain"
launch_module = "demo.py"
runtime = "cpython-3.13"
requirements = []
"""
LINUX = Platform.LINUX_X86_64
LOCK_TEXT = 'lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n'
EMPTY = Digest.of_bytes(b"")
BLOB = PublishOptions()


class Shop:
    """Makes stacks and their built layers in one folder, with one store."""

    text = STACK

    def __init__(self, folder):
        self.folder = folder
        self.store = Store(folder / "store")
        self.output = folder / "output"
        (folder / "demo.py").write_text("print('demo')\n")
        (folder / "helper.py").write_text("")

    def stack(self, text=STACK):
        return parse_stack(
            tomllib.loads(text),
            None,
            path=self.folder / "venvstacks.toml",
            environment={},
            overrides={},
            list_folder=lambda folder: {path.name for path in folder.iterdir()},
        )

    def plans(self, stack, *, platform=LINUX, lock_version=1, names=None):
        """Plan the layers of a stack, or some of them."""
        pin = PythonPin(version="3.13.5", sha256="f" * 64, size=9, origin="here")
        locks = [
            LayerLock(
                layer=layer,
                paths=LockPaths.of_layer(stack.folder, layer.environment_name),
                file=LockFile(path=self.folder / "pylock.toml", content=LOCK_TEXT.encode()),
                metadata=LockMetadata(
                    requirements_hash=EMPTY,
                    lock_input_hash=EMPTY,
                    other_inputs_hash=EMPTY,
                    version_inputs_hash=EMPTY,
                    lock_version=lock_version if layer.versioned else 1,
                    locked_at="2025-01-01T00:00:00+00:00",
                ),
                pins={platform: pin},
            )
            for layer in stack.layers
        ]
        chosen = choose_layers(stack, locks, platform, choose_wheels)
        below = wheels_below_applications(chosen)
        scripts = {material.digest: () for material in below}
        plans = plan_stack(stack, chosen, scripts=scripts)
        return [plan for plan in plans if names is None or plan.layer.environment_name in names]

    def built(self, plans, content="content"):
        """Pack a small tree for each plan; the blobs depend on the target and ``content``."""
        return [self._built(plan, content) for plan in plans]

    def _built(self, plan, content):
        target = plan.request.install_target
        tree = self.folder / "trees" / f"{target}-{plan.request.platform}-{content}"
        if not tree.exists():
            (tree / "bin").mkdir(parents=True)
            (tree / "bin" / "run").write_text(f"#!/bin/sh\necho {content}\n")
            (tree / "bin" / "run").chmod(0o755)
            (tree / "bin" / "link").symlink_to("run")
            (tree / "content").write_text(f"{target} {plan.request.platform} {content}\n")
        with self.store.new_blob() as path:
            with path.open("wb") as stream:
                blob = pack_tree(
                    tree,
                    target,
                    stream,
                    compression=plan.request.compression,
                    level=plan.request.compression_level,
                )
            self.store.adopt(path, blob.digest)
        return BuiltLayer(plan=plan, blob=blob, outcome="built")


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def reporter():
    return SilentReporter()


@pytest.fixture
def changed():
    """A function that gives a value with other fields."""
    return replace


@pytest.fixture
def publish(shop, reporter):
    """A function that publishes layers and returns what was published."""

    def published(layers, options=BLOB, stack=None):
        return publish_archives(
            layers,
            shop.output,
            shop.store,
            stack=stack or shop.stack(),
            options=options,
            reporter=reporter,
        )

    return published


@pytest.fixture
def combined(shop):
    """A function that reads the combined metadata: layer name to metadata, in order."""

    def read(tag=""):
        path = shop.output / "__venvstacks__" / f"venvstacks{tag}.json"
        kinds = json.loads(path.read_text())["layers"]
        assert list(kinds) == ["applications", "frameworks", "runtimes"]
        in_order = [*kinds["runtimes"], *kinds["frameworks"], *kinds["applications"]]
        return {layer["layer_name"]: layer for layer in in_order}

    return read
