"""A small stack of a real Python in the registry, and the base image that applications run on."""

import contextlib
import http.client
import http.server
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocistacks import __version__
from ocistacks.builder.image import ImageOptions, image_tag

SPEC = """\
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "text"
runtime = "cpython-3.13"
requirements = ["idna==3.10"]

[[applications]]
name = "greeter"
launch_module = "launch/greeter.py"
frameworks = ["text"]
requirements = []

[[applications]]
name = "Second_App"
launch_module = "launch/second_app.py"
frameworks = ["text"]
requirements = []
"""
GREETER = """\
import os, sys, tempfile
import idna
word = idna.encode("b\\u00fccher").decode()
with tempfile.TemporaryFile() as file:
    file.write(b"x")
print(f"greeter: {word} {sys.argv[1:]} {os.environ.get('GREETING')} uid {os.getuid()}", flush=True)
try:
    open(os.path.join(sys.prefix, "mine"), "w")
except OSError as error:
    print("read-only:", error.strerror, flush=True)
"""


def run(*command, **options):
    """Run a tool that must succeed, and return what it printed."""
    finished = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A stack in the registry, and images beside it."""

    host: str
    stack: str
    base: str


@pytest.fixture(scope="session")
def spec(command_line, tmp_path_factory):
    """The specification of the small stack, locked."""
    folder = tmp_path_factory.mktemp("small stack")
    (folder / "launch").mkdir()
    (folder / "launch" / "greeter.py").write_text(GREETER)
    (folder / "launch" / "second_app.py").write_text("print('second')\n")
    spec = folder / "venvstacks.toml"
    spec.write_text(SPEC)
    command_line.succeed("lock", spec)
    return spec


@pytest.fixture(scope="session")
def pushed(command_line, registry, base_layout, spec):
    """The stack with application images, whose base is in the registry too."""
    base = f"{registry}/base/debian:slim"
    run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", base_layout, f"docker://{base}")
    stack = f"{registry}/team/stack:v1"
    command_line.succeed("push", spec, stack, "--base-image", base)
    return Pushed(host=registry, stack=stack, base=base)


@pytest.fixture(scope="session")
def layers_only(command_line, registry, spec):
    """The stack pushed without application images."""
    stack = f"{registry}/team/layers:v1"
    command_line.succeed("push", spec, stack, "--base-image", "none")
    return stack


@pytest.fixture(scope="session")
def podman_environment(podman_settings):
    """The environment in which podman, also as our builder, has a storage of its own."""
    # Not pytest's own folder: podman refuses a run root of more than fifty characters.
    folder = Path(tempfile.mkdtemp(prefix="ocistacks-kube-"))
    environment = podman_settings(folder)
    yield environment
    for words in (("pod", "rm", "--all", "--force"), ("rmi", "--all", "--force")):
        run("podman", *words, env=environment)
    for mounted in (folder / "root" / "overlay", folder / "run"):
        if mounted.is_mount():
            run("umount", mounted)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def podman(podman_environment):
    """A function that calls podman."""
    return lambda *words: run("podman", *words, env=podman_environment)


@pytest.fixture(scope="session")
def puller_image(command_line, podman, podman_environment, registry, test_cache):
    """The puller, built and pushed as docs/kubernetes.md says; its name in the registry.

    The built image stays between runs, by what it is made of: a minute's work at best.
    """
    options = ImageOptions(base_image=None, environment={}, say=lambda _line: None)
    tag = image_tag("puller", options)
    kept = test_cache / "puller" / f"{tag.rpartition(':')[2]}.tar"
    if kept.exists():
        podman("load", "--quiet", "--input", kept)
    else:
        words = ("builder", "build", "--target", "puller", "--engine", "podman")
        assert command_line.succeed(*words, **podman_environment) == f"{tag}\n"
        kept.parent.mkdir(exist_ok=True)
        podman("save", "--quiet", "--output", kept.with_suffix(".partial"), tag)
        kept.with_suffix(".partial").rename(kept)
    name = f"{registry}/ocistacks/puller:{__version__}"
    podman("push", "--quiet", "--tls-verify=false", tag, name)
    return name


class Front(http.server.ThreadingHTTPServer):
    """Stands before the registry: counts the blobs it serves, and misbehaves if it is told to.

    ``pause`` are seconds between chunks of a blob; ``lies`` is a part of the paths of what gets
    another first byte;
    ``authorization`` is the header without which everything is refused.
    """

    daemon_threads = True

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), _FrontHandler)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.registry = registry
        self.blobs = []
        self.sent = 0
        self.pause = 0.0
        self.lies = None
        self.authorization = None

    def handle_error(self, request, client_address):
        """Say nothing of clients that are killed in the middle."""


class _FrontHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        front = self.server
        if front.authorization not in {None, self.headers.get("Authorization")}:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        passed_on = ("Accept", "Range")
        headers = {name: self.headers[name] for name in passed_on if name in self.headers}
        connection = http.client.HTTPConnection(front.registry)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, headers=headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            is_blob = "/blobs/" in self.path
            if is_blob:
                front.blobs.append(self.path.rpartition("/")[2])
            lies = front.lies is not None and front.lies in self.path
            while chunk := answer.read(1 << 17):
                if lies:
                    chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
                time.sleep(front.pause if is_blob else 0)
                self.wfile.write(chunk)
                front.sent += len(chunk) if is_blob else 0

    do_HEAD = do_GET  # noqa: N815 - the library's names

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def front(pushed):
    with Front(pushed.host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
