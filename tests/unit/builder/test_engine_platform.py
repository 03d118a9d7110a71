"""Which platform an engine's containers run on: the engine's machine may be another than this."""

import http.server
import json
import threading

import docker
import pytest

from ocistacks.builder.engine import engine_platform
from ocistacks.errors import EngineError
from ocistacks.platforms import Platform


@pytest.fixture
def engine():
    """A function that gives a client of an engine which tells ``answer`` of itself."""
    answers = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.path == "/v1.41/version"
            body = json.dumps(answers[-1]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = docker.DockerClient(f"tcp://127.0.0.1:{server.server_port}", version="1.41")

        def start(answer):
            answers.append(answer)
            return client

        yield start
        client.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("told", "platform"),
    [
        ({"Os": "linux", "Arch": "amd64"}, Platform.LINUX_X86_64),
        ({"Os": "linux", "Arch": "arm64"}, Platform.LINUX_AARCH64),
    ],
)
def test_an_engine_tells_its_platform(engine, told, platform):
    assert engine_platform(engine(told), "docker") is platform


@pytest.mark.parametrize(
    ("told", "found"),
    [({"Os": "windows", "Arch": "amd64"}, "windows/amd64"), ({"Arch": "riscv64"}, "/riscv64")],
)
def test_an_engine_of_another_kind_is_refused(engine, told, found):
    with pytest.raises(EngineError) as caught:
        engine_platform(engine(told), "docker at tcp://far")
    assert str(caught.value) == (
        "The container engine is of a kind that layers cannot be built on.\n"
        "  where: docker at tcp://far\n"
        f"  found: {found}\n"
        "  expected: linux/amd64 or linux/arm64\n"
        "  hint: use another engine, or --builder local"
    )
