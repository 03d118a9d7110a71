"""What a task can reach from inside each builder: nothing but its own folder."""

import json
import os
import shutil
import socket
import threading
from contextlib import ExitStack

import pytest

from ocistacks.builder.choose import open_builder
from ocistacks.builder.container import MATERIALS_VOLUME
from ocistacks.builder.task import FIXED_ENVIRONMENT, Task
from ocistacks.errors import BuildError
from ocistacks.store.store import Store

# timeit is a module of the standard library that runs the code that it is given.
RUN_PROBE = ("-n1", "-r1", "exec(open('probe.py').read(), {})")
PROBE = """
import json, os, socket, sys

def refused(action):
    try:
        action()
    except OSError as error:
        return error.strerror or type(error).__name__
    return "allowed"

with open("/proc/self/status") as lines:
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
places = ("/", "/usr", "/etc", os.path.dirname(os.__file__), "@MATERIALS@")
answer = {
    "connect": refused(lambda: socket.create_connection(("127.0.0.1", @PORT@), timeout=2)),
    "outside": refused(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2)),
    "interfaces": [name for _number, name in socket.if_nameindex()],
    "write": {place: refused(lambda: open(f"{place}/of-a-task", "w")) for place in places},
    "user": [os.getuid(), os.getgid(), os.getgroups()],
    "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "new privileges": status["NoNewPrivs"],
    "environment": {name: os.environ.get(name) for name in @NAMES@},
}
open("answer.json", "w").write(json.dumps(answer))
"""
LAST_WORDS = "import os; os.write(2, b'the last words\\n'); os._exit(3)"
NONE = "0000000000000000"


@pytest.fixture
def listener():
    """A server on this machine's loopback; gives its port and the connections that came."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stopping = threading.Event()

        def accept():
            while not stopping.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                connection.close()
                came.append(address)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        stopping.set()
        thread.join()


@pytest.fixture
def builder_of(tmp_path, engine_environments, image_options):
    """A function that opens a builder on an empty store."""
    with ExitStack() as stack:

        def opened(name):
            options = image_options(engine_environments[name])
            return stack.enter_context(
                open_builder(
                    name,
                    store=Store(tmp_path / "store"),
                    image_options=options,
                    allow_unconfined=False,
                )
            )

        yield opened


def probe(port, materials):
    code = PROBE.replace("@PORT@", str(port)).replace("@MATERIALS@", str(materials))
    return Task(
        name="probe",
        module="timeit",
        arguments=lambda _materials: RUN_PROBE,
        files={"probe.py": code.replace("@NAMES@", repr(sorted(FIXED_ENVIRONMENT))).encode()},
        materials=(),
        output="answer.json",
    )


def run(builder, task, folder):
    output = folder / "answer.json"
    builder.run(task, output=output, on_step=lambda _line: None)
    return json.loads(output.read_text())


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_container_is_sealed(name, builder_of, listener, tmp_path):
    port, came = listener
    answer = run(builder_of(name), probe(port, "/materials"), tmp_path)
    assert set(answer.pop("write").values()) == {"Read-only file system"}
    assert answer == {
        "connect": "Connection refused",
        "outside": "Network is unreachable",
        "interfaces": ["lo"],
        "user": [1000, 1000, [1000]],
        "capabilities": [NONE] * 5,
        "new privileges": "1",
        "environment": FIXED_ENVIRONMENT,
    }
    assert came == []


def test_the_local_builder_is_sealed_by_bubblewrap(builder_of, listener, tmp_path):
    port, came = listener
    builder = builder_of("local")
    assert builder.name == "local (bubblewrap)"
    answer = run(builder, probe(port, tmp_path / "store" / "blobs" / "sha256"), tmp_path)
    assert set(answer.pop("write").values()) == {"Read-only file system"}
    assert answer == {
        "connect": "Connection refused",
        "outside": "Network is unreachable",
        "interfaces": ["lo"],
        "user": [os.getuid(), os.getgid(), answer["user"][2]],
        "capabilities": [NONE] * 5,
        "new privileges": "1",
        "environment": FIXED_ENVIRONMENT,
    }
    assert came == []


def test_unshare_takes_the_network_away_too(builder_of, listener, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("setpriv", "unshare", "true"):
        (tools / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tools))
    port, came = listener
    builder = builder_of("local")
    assert builder.name == "local (unshare)"
    answer = run(builder, probe(port, tmp_path / "nowhere"), tmp_path)
    # Here the loopback device is there, but nobody has started it.
    assert answer["connect"] == answer["outside"] == "Network is unreachable"
    assert answer["interfaces"] == ["lo"]
    assert came == []


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_container_has_no_mounts_but_volumes(name, builder_of):
    builder = builder_of(name)
    builder.prepare("builder")
    image = builder._image("builder")
    with builder._container(image, probe(1, "/materials")) as container:
        container.reload()
        host = container.attrs["HostConfig"]
        mounts = {mount["Destination"]: mount for mount in container.attrs["Mounts"]}
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    assert host["PidsLimit"] == 2048
    assert {mount["Type"] for mount in mounts.values()} == {"volume"}
    assert sorted(mounts) == ["/materials", "/work"]
    assert mounts["/materials"]["Name"] == MATERIALS_VOLUME
    assert mounts["/materials"]["RW"] is False
    assert mounts["/work"]["Name"] != MATERIALS_VOLUME


@pytest.mark.parametrize("name", ["docker", "podman", "local"])
def test_a_task_that_fails_is_told_with_its_last_words(name, builder_of, tmp_path):
    builder = builder_of(name)
    task = Task(
        name="layer that fails",
        module="timeit",
        arguments=lambda _materials: ("-n1", "-r1", LAST_WORDS),
        files={},
        materials=(),
        output="nothing",
    )
    with pytest.raises(BuildError) as caught:
        builder.run(task, output=tmp_path / "output", on_step=lambda _line: None)
    assert str(caught.value) == (
        "layer that fails could not be built.\n"
        f"  where: builder {builder.name}, exit code 3\n"
        "  found: the last words"
    )
    assert not (tmp_path / "output").exists()
    assert list((tmp_path / "store" / "temporary").iterdir()) == []
