"""A proxy before a registry that remembers what passed, two stacks on one framework, machines."""

import http.client
import http.server
import json
import os
import shutil
import threading

import pytest

SPEC = """
[[runtimes]]
name = "main"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "shared"
runtime = "main"
requirements = ["packaging==25.0"]

[[applications]]
name = "{name}"
frameworks = ["shared"]
requirements = []
launch_module = "{name}.py"
"""


class RecordingProxy(http.server.ThreadingHTTPServer):
    """Passes requests on to a registry; ``requests`` are verb, path and bytes of the body.

    A request that ``refuse`` gives a status for does not reach the registry; ``mounts_blobs`` and
    ``damages_blobs`` say what the registry seems to be like.
    """

    daemon_threads = True

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.requests = []
        self.refuse = lambda _verb, _path: None
        self.mounts_blobs = True
        self.damages_blobs = False

    def uploaded(self):
        """Return the digests of the blobs whose bytes came, with the PUT or in a PATCH before."""
        filled = {
            path.partition("?")[0] for verb, path, size in self.requests if verb == "PATCH" and size
        }
        return {
            path.partition("digest=sha256%3A")[2]
            for verb, path, size in self.requests
            if verb == "PUT"
            and "/blobs/uploads/" in path
            and (size or path.partition("?")[0] in filled)
        }

    def downloaded(self):
        """Return the digests of the blobs whose bytes went."""
        return {
            path.partition("/blobs/sha256:")[2]
            for verb, path, _size in self.requests
            if verb == "GET" and "/blobs/sha256:" in path
        }

    def handle_error(self, request, client_address):
        pass  # clients go away when they have seen enough


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, len(body)))
        status = self.server.refuse(self.command, self.path)
        if status is not None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = self.path if self.server.mounts_blobs else self.path.partition("?mount=")[0]
        upstream = http.client.HTTPConnection(self.server.registry, timeout=60)
        upstream.request(self.command, path, body=body or None, headers=dict(self.headers))
        with upstream.getresponse() as answer:
            content = answer.read()
            if self.server.damages_blobs and "/blobs/" in path and len(content) > 10_000:
                content = content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection"}:
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    def log_message(self, *arguments):
        pass


@pytest.fixture
def proxy(registry):
    with RecordingProxy(registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def stacks(command_line, tmp_path_factory):
    """Two locked and built stacks, whose runtime and framework are the same."""
    folder = tmp_path_factory.mktemp("stacks")
    specs = {}
    for name in ("one", "two"):
        specs[name] = folder / name / "venvstacks.toml"
        specs[name].parent.mkdir()
        specs[name].write_text(SPEC.format(name=name))
        (specs[name].parent / f"{name}.py").write_text(
            f"import packaging\nprint('{name} on', packaging.__version__, {str(folder)!r})\n"
        )
        command_line.succeed("lock", specs[name])
        command_line.succeed("build", specs[name])
    return specs


@pytest.fixture
def new_machine(command_line, test_cache, tmp_path):
    """Make the command line of a machine that has built nothing: it has Python's archive alone.

    That saves compiling Python, which is a material and no layer. ``cannot_build`` leaves it
    without any builder.
    """
    here = test_cache / "store"

    def make(name, *, cannot_build=False):
        store = tmp_path / f"store-{name}"
        (store / "blobs" / "sha256").mkdir(parents=True)
        (store / "pythons").mkdir()
        for record in (here / "pythons").iterdir():
            shutil.copy(record, store / "pythons")
        for digest in _digests_in(here / "pythons"):
            os.link(here / "blobs" / "sha256" / digest, store / "blobs" / "sha256" / digest)
        environment = {**command_line.environment, "OCISTACKS_STORE": str(store)}
        if cannot_build:
            environment |= {"OCISTACKS_BUILDER": "docker", "DOCKER_HOST": "tcp://127.0.0.1:9"}
        return type(command_line)(environment)

    return make


def _digests_in(folder):
    return [json.loads(path.read_text())["sha256"] for path in folder.iterdir()]
