"""What several rooms talk to: engines and a Python that stay between runs, and repositories."""

import fcntl
import http.server
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from ocistacks.builder.base_image import debian_base, import_debian_base
from ocistacks.builder.choose import open_builder
from ocistacks.builder.engine import docker_client, podman_client
from ocistacks.builder.image import ImageOptions, has_image
from ocistacks.builder.machine_release import debian_suite
from ocistacks.builder.python_runtimes import RuntimePythons
from ocistacks.builder.task import Task
from ocistacks.errors import EngineError
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.registry.repository import Repository
from ocistacks.spec.read import read_stack
from ocistacks.store.store import Store

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


def required(program, package):
    """Return a program's path; a machine without it is told what to install."""
    path = shutil.which(program)
    assert path, f"these tests need {program}: apt-get install {package}"
    return path


@pytest.fixture(scope="session")
def image_options():
    """A function that gives the options of a builder image in an environment."""

    def options(environment, base_image=None):
        base = base_image or environment.get("OCISTACKS_BUILDER_BASE")
        return ImageOptions(base_image=base, environment=environment, say=lambda _line: None)

    return options


@pytest.fixture(scope="session")
def test_store(test_cache):
    """A store that stays between runs, for what takes minutes to make."""
    return Store(test_cache / "store")


@pytest.fixture(scope="session")
def docker_engine(test_cache):
    """The DOCKER_HOST of an engine: the one that answers, else one of ours for this session."""
    docker = required("docker", "docker.io")
    if _answers(docker, {}):
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    with SharedEngine(test_cache) as address:
        yield address


class SharedEngine:
    """A dockerd that the test processes of this machine share; the last one to leave stops it.

    Its folder of images allows of one engine only. Who uses it holds a shared lock on a file.
    """

    def __init__(self, cache):
        self.data = cache / "docker"
        self.told = cache / "docker.address"
        self.changing = FileLock(cache / "docker.lock")
        self.users = (cache / "docker.users").open("w")

    def __enter__(self):
        with self.changing:
            fcntl.flock(self.users, fcntl.LOCK_SH)
            address = self.told.read_text() if self.told.exists() else ""
            if not address or not _answers("docker", {"DOCKER_HOST": address}):
                address = self.start()
                self.told.write_text(address)
        return address

    def __exit__(self, *_failure):
        with self.changing, self.users:
            try:
                fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self.stop(Path(self.told.read_text().removeprefix("unix://")).parent)
            self.told.unlink()

    def start(self):
        # A socket's path holds a hundred bytes, and the cache may lie deep.
        folder = Path(tempfile.mkdtemp(prefix="ocistacks-engine-"))
        address = f"unix://{folder}/docker.sock"
        # Its own parent's child: it may outlive the process that starts it.
        command = ["setsid", "--fork", required("dockerd", "docker.io")]
        command += ["--data-root", self.data, "--host", address]
        command += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        # Builds use the host's network and containers none, so that no bridge is needed.
        command += ["--bridge", "none", "--iptables=false"]
        log = folder / "log"
        with log.open("wb") as output:
            subprocess.run(command, stdout=output, stderr=output, check=True)
        deadline = time.monotonic() + START_SECONDS
        while not _answers("docker", {"DOCKER_HOST": address}):
            words = log.read_text()
            assert time.monotonic() < deadline, words
            assert "failed to start" not in words, words  # the engine's last words
            time.sleep(0.2)
        return address

    def stop(self, folder):
        pid = folder / "pid"
        os.kill(int(pid.read_text()), signal.SIGTERM)
        deadline = time.monotonic() + START_SECONDS
        while pid.exists():  # the engine's last deed is to remove it
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        _unmount_below(folder)
        shutil.rmtree(folder)


def _unmount_below(folder):
    """Unmount what an engine leaves mounted below a folder when it ends."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed(mounted):
        if Path(place).is_relative_to(folder):
            subprocess.run(["umount", place], check=True)


def _answers(docker, environment):
    question = [docker, "version", "--format", "{{.Server.Version}}"]
    environment = {**os.environ, **environment}
    asked = subprocess.run(question, env=environment, capture_output=True, check=False)
    return asked.returncode == 0


@pytest.fixture(scope="session")
def podman_environment(test_cache, podman_settings):
    """The environment in which podman, and our podman builder, use a storage of their own."""
    required("podman", "podman")
    required("runc", "runc")
    folder = test_cache / "podman"
    folder.mkdir(exist_ok=True)
    yield podman_settings(folder)
    # The storage stays; what podman leaves mounted there does not.
    _unmount_below(folder)


@pytest.fixture(scope="session")
def docker_base(docker_engine, test_store):
    """The name in Docker of a bare Debian of this machine's release."""
    with docker_client({**os.environ, "DOCKER_HOST": docker_engine}) as client:
        return _made_base(client, "docker", test_store)


@pytest.fixture(scope="session")
def podman_base(podman_environment, test_store):
    """The name in Podman of a bare Debian of this machine's release."""
    with podman_client(podman_environment) as client:
        return _made_base(client, "podman", test_store)


def _made_base(client, engine, store):
    """Have a base image made as users without a registry have it, under a name of the tests.

    The engine may be the developer's own: what it holds under the usual name stays as it is.
    """
    name = f"localhost/ocistacks-test-base:{debian_suite()}"
    with store.exclusively(f"test-base-{engine}"):
        if not has_image(client, engine, name):
            usual = debian_base()
            was_there = has_image(client, engine, usual)
            if not was_there:
                import_debian_base(client, engine, EngineError("The tests ask no registry."))
            client.images.get(usual).tag(*name.split(":"))
            if not was_there:
                client.images.remove(usual)
    return name


@pytest.fixture(scope="session")
def python_pin(test_store, image_options):
    """The pin of a CPython that is compiled from the release tarball once, and then stays."""
    stack = read_stack(ROOT / "examples" / "sklearn" / "venvstacks.toml", environment={})
    resolve = RuntimePythons(
        store=test_store,
        settings=stack.settings,
        origin="source",
        environment=os.environ,
        reporter=SilentReporter(),
        open_builder=lambda: open_builder(
            "local",
            store=test_store,
            image_options=image_options(os.environ),
            allow_unconfined=False,
        ),
    )
    return resolve(stack.runtimes[0], Platform.of_this_machine())


@pytest.fixture(scope="session")
def empty_file_task():
    """A task that writes an empty file and says `1 loop, best of 1: ...`."""
    return Task(
        name="layer that is built",
        module="timeit",
        arguments=lambda _materials: ("-n1", "-r1", "open('output', 'w').close()"),
        files={},
        materials=(),
        output="output",
    )


@pytest.fixture(scope="session")
def make_sdist():
    """A function that gives the bytes of a `.tar.gz` with the one folder NAME-VERSION."""

    def make(name, version, files):
        # Before metadata 2.2, dependencies are only known by running the package's code.
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path, text in {"PKG-INFO": metadata, **files}.items():
                header = tarfile.TarInfo(f"{name}-{version}/{path}")
                content = text.encode()
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
        return buffer.getvalue()

    return make


def as_another_user():
    """Return the words before a command that run it under another uid, with no privileges."""
    if os.geteuid() == 0:
        return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
    return ("unshare", "--user")


@pytest.fixture
def run_there():
    """A function that runs a command as another user, with an empty environment."""

    def run(*command, cwd="/"):
        return subprocess.run(
            [*as_another_user(), *map(str, command)],
            cwd=cwd,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


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
        if not {"Content-Length", "content-length", "Transfer-Encoding"} & answer.headers.keys():
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
