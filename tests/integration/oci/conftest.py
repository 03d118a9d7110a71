"""A small stack of really packed layers, fresh repositories, and a server that misbehaves."""

from __future__ import annotations

import contextlib
import http.server
import os
import subprocess
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.digests import Digest
from ocistacks.oci.assemble import application_image, layer_artifact, stack_index
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.platforms import Platform
from ocistacks.registry.repository import Repository
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
def repository_name():
    """A repository that nothing was pushed to."""
    return f"test/{uuid.uuid4().hex}"


@pytest.fixture
def environment(tmp_path):
    """An environment in which nobody is logged in anywhere."""
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def repository(registry, repository_name, environment):
    with Repository(registry, repository_name, environment=environment) as opened:
        yield opened


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


@dataclass
class Answer:
    """What the misbehaving server says; ``cut`` ends the connection after so many bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        received = self.rfile.read(length)
        path, _, _query = self.path.partition("?")
        self.server.requests.append((self.command, self.path, dict(self.headers), received))
        answers = self.server.answers.get((self.command, path), [Answer(status=404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        if not {"Content-Length", "content-length"} & answer.headers.keys():
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the library's names

    def log_message(self, *arguments):
        pass


class FaultServer(http.server.ThreadingHTTPServer):
    """Answers what a test tells it to: a list for each verb and path, whose last one repeats."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.answers = {}
        self.requests = []

    def on(self, verb, path, *answers):
        self.answers[verb, path] = list(answers)

    def verbs(self):
        return [(verb, path.partition("?")[0]) for verb, path, _headers, _body in self.requests]

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what is tested


@pytest.fixture
def fault_server():
    with FaultServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def faulty(fault_server, environment):
    """The repository `x` of the misbehaving server."""
    with Repository(fault_server.host, "x", environment=environment) as opened:
        yield opened


@pytest.fixture
def answer():
    return Answer


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
