"""Trees, images made of one blob, and the tools that read them on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.digests import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.blob.model import Blob

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def run(*command, **options):
    """Run a tool; its messages become the test's when it fails."""
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, **options
    )
    assert result.returncode == 0, result.stderr.decode() + result.stdout.decode()[-2000:]
    return result.stdout


@pytest.fixture
def tree(tmp_path):
    """A tree with a file of several chunks, links, long names and executables."""
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to("../../cpython-3.13/bin/python3.13")
    (root / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o755)
    (root / "lib" / "empty folder").mkdir(parents=True)
    (root / "lib" / "empty").touch()
    (root / "lib" / "big.so").write_bytes(os.urandom(5 << 20) * 2)
    (root / "lib" / "naïve.py").write_text("x = 1\n")
    (root / "lib" / ("long" * 60)).write_text("long\n")
    for number in range(100):
        (root / "lib" / f"m{number}.py").write_text(f"x = {number}\n" * number)
    return root


@pytest.fixture
def describe():
    """Everything of a tree that a layer promises."""

    def described(root):
        found = {}
        for path in sorted(root.rglob("*")):
            mode = path.lstat().st_mode & 0o7777
            if path.is_symlink():
                found[str(path.relative_to(root))] = ("link", str(path.readlink()))
            elif path.is_dir():
                found[str(path.relative_to(root))] = ("folder", mode)
            else:
                found[str(path.relative_to(root))] = ("file", mode, Digest.of_file(path))
        return found

    return described


@dataclass(frozen=True)
class Layout:
    """An OCI image layout with one image of one layer."""

    path: Path
    blob: Blob


@pytest.fixture
def make_layout(tmp_path):
    """Pack a tree into an image layout."""

    def make(tree, name="layout", **options):
        root = tmp_path / name
        blobs = root / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        with (root / "layer").open("wb") as stream:
            blob = pack_tree(tree, "app", stream, **options)
        (root / "layer").rename(blobs / blob.digest.hex)

        def add(document, media_type):
            content = json.dumps(document).encode()
            digest = Digest.of_bytes(content)
            (blobs / digest.hex).write_bytes(content)
            return {"mediaType": media_type, "digest": digest, "size": len(content)}

        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/app/bin/run"]},
            "rootfs": {"type": "layers", "diff_ids": [blob.diff_id]},
        }
        layer = {
            "mediaType": blob.media_type,
            "digest": blob.digest,
            "size": blob.size,
            "annotations": dict(blob.annotations),
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": add(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [layer],
        }
        descriptor = add(manifest, MANIFEST_TYPE)
        descriptor["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        (root / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [descriptor]})
        )
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        return Layout(path=root, blob=blob)

    return make


class Counter(socketserver.ThreadingTCPServer):
    """Forwards connections to a registry and counts the bytes that come back."""

    daemon_threads = True

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), _Forwarder)
        host, _, port = registry.partition(":")
        self.upstream = (host, int(port))
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.received = 0


class _Forwarder(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(self.server.upstream) as upstream:
            sender = threading.Thread(target=self.send, args=(upstream,))
            sender.start()
            with suppress(OSError):  # the client may go first
                while content := upstream.recv(1 << 16):
                    self.server.received += len(content)
                    self.request.sendall(content)
                self.request.shutdown(socket.SHUT_RDWR)
            sender.join()

    def send(self, upstream):
        with suppress(OSError):
            while content := self.request.recv(1 << 16):
                upstream.sendall(content)
            upstream.shutdown(socket.SHUT_WR)


@pytest.fixture
def counter(registry):
    """The registry behind another address, where what it sends is counted."""
    with Counter(registry) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Podman:
    """Podman with stores of its own, which end with the test."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.graph = folder / "graph"
        containers = folder / "containers.conf"
        containers.write_text(
            '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'
        )
        storage = folder / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.graph}"\n'
            f'runroot = "{folder / "run"}"\n'
            '[storage.options.pull_options]\nenable_partial_images = "true"\n'
        )
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "TMPDIR": str(folder),
        }

    def __call__(self, *arguments):
        return run("podman", *arguments, env=self.environment).decode().strip()

    def export(self, image, target):
        """Write what the image holds into ``target``."""
        target.mkdir()
        name = self("create", image)
        archive = self.folder / "export.tar"
        self("export", "-o", archive, name)
        run("tar", "-x", "-f", archive, "-C", target)
        self("rm", name)
        return target


@pytest.fixture
def podman(tmp_path):
    engine = Podman(tmp_path / "podman")
    yield engine
    engine("system", "reset", "--force")
    shutil.rmtree(engine.folder, ignore_errors=True)
