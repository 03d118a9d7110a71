"""An index on the loopback that serves sdists made in the test, and a stack that needs them.

What their builds require comes from the index that this machine is set up with.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from packaging.requirements import Requirement

from ocistacks.builder.choose import open_builder
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.spec.read import read_stack
from ocistacks.wheels.build_wheel import WheelBuilds, WheelOptions
from ocistacks.wheels.stack_wheels import build_missing, build_named


@dataclass
class Index:
    """What an index (PEP 503) serves; ``asked`` are paths, with the name of who asked."""

    make_sdist: Callable[[str, str, dict[str, str]], bytes]
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name, version, files):
        self.files[f"{name}-{version}.tar.gz"] = self.make_sdist(name, version, files)

    def answer(self, path):
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return "application/gzip", self.files[name]
        found = [file for file in self.files if file.rpartition("-")[0] == name.replace("-", "_")]
        if kind == "simple" and found:
            links = [
                f'<a href="/files/{file}#sha256={hashlib.sha256(self.files[file]).hexdigest()}">'
                f"{file}</a>"
                for file in found
            ]
            return "text/html", f"<!DOCTYPE html><body>{''.join(links)}</body>".encode()
        return None, b"no such thing"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: Index

    def do_GET(self):
        self.index.asked.append((self.path, self.headers["User-Agent"].partition("/")[0]))
        media_type, body = self.index.answer(self.path)
        self.send_response(404 if media_type is None else 200)
        self.send_header("Content-Type", media_type or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def index(make_sdist):
    index = Index(make_sdist)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"index": index}))
    index.url = f"http://127.0.0.1:{server.server_port}/simple/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield index
    server.shutdown()
    thread.join()
    server.server_close()


class WheelStack:
    """A stack whose first index is the test's, and the ways to build its wheels."""

    def __init__(self, folder, index, store, python_pin, image_options):
        self.folder = folder
        self.index = index
        self.store = store
        self.pin = python_pin
        self.image_options = image_options
        self.environment = {**os.environ, "UV_CACHE_DIR": str(folder.parent / "uv-cache")}
        self.opened = 0

    @property
    def output(self):
        return self.folder / "wheels"

    @property
    def spec(self):
        return self.folder / "venvstacks.toml"

    def write(self, requirements=(), *, more="", uv="", platforms=("linux_x86_64",), alone=False):
        """Write the specification; where the test's index is ``alone``, uv asks no other."""
        self.spec.write_text(
            f'[[runtimes]]\nname = "py"\npython_implementation = "cpython@{self.pin.version}"\n'
            f"requirements = {list(requirements)}\nplatforms = {list(platforms)}\n"
            f"{more}\n"
            f'[tool.uv]\nfind-links = ["wheels"]\n{uv}\n'
            f'[[tool.uv.index]]\nurl = "{self.index.url}"\ndefault = {str(alone).lower()}\n'
        )

    def builds(self, **options):
        def opened():
            self.opened += 1
            return open_builder(
                "local",
                store=self.store,
                image_options=self.image_options(self.environment),
                allow_unconfined=False,
            )

        return WheelBuilds(
            stack=read_stack(self.spec, environment=self.environment),
            store=self.store,
            options=WheelOptions(
                output=self.output,
                platform=Platform.of_this_machine(),
                environment=self.environment,
                **options,
            ),
            resolve_python=lambda _runtime, _platform: self.pin,
            open_builder=opened,
            reporter=SilentReporter(),
        )

    def build(self, *names, **options):
        """Build the named wheels, or what is missing; return outcomes by file name."""
        builds = self.builds(**options)
        results = (
            build_named(builds, [Requirement(name) for name in names])
            if names
            else build_missing(builds)
        )
        return {result.wheel.filename: result.outcome for result in results}

    def wheels(self):
        """Return the wheels that were put out, by name."""
        return {path.name: path.read_bytes() for path in sorted(self.output.glob("*.whl"))}


@pytest.fixture
def stack(tmp_path, index, test_store, python_pin, image_options):
    folder = tmp_path / "stack"
    folder.mkdir()
    return WheelStack(folder, index, test_store, python_pin, image_options)
