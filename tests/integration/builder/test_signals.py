"""A build that is ended by a signal leaves nothing running, and nothing half-made."""

import os
import signal
import time
import uuid
from pathlib import Path

import docker.errors
import pytest

from ocistacks.builder.container import MATERIALS_VOLUME, TASK_LABEL
from ocistacks.builder.engine import docker_client, podman_client

CLIENTS = {"docker": docker_client, "podman": podman_client}
SPEC = """\
[[runtimes]]
name = "{name}"
python_implementation = "cpython@3.13.5"
requirements = []
"""
START_SECONDS = 120
END_SECONDS = 40


@pytest.fixture
def runtime_alone(tmp_path, checkout, fresh_store, python_pin, test_store):
    """A locked stack of one runtime, whose name no other build on the engine has."""
    store = fresh_store()
    (store / "pythons").mkdir()
    for record in (test_store.root / "pythons").iterdir():
        (store / "pythons" / record.name).write_bytes(record.read_bytes())
    name = f"cpython-{uuid.uuid4().hex}"
    spec = tmp_path / "venvstacks.toml"
    spec.write_text(SPEC.format(name=name))
    words = ("lock", spec, "--python-from", "source", "--builder", "local")
    code, _stdout, stderr = checkout.run(*words, environment=dict(os.environ), store=store)
    assert code == 0, stderr
    return name, spec, store


def wait_for(found, process):
    deadline = time.monotonic() + START_SECONDS
    while not (result := found()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return result


def send(number, process):
    """Send a signal as it comes: an interrupt from the terminal goes to the whole group."""
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _stdout, stderr = process.communicate(timeout=END_SECONDS)
    assert "Traceback" not in stderr
    return process.returncode


ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), ENDINGS, ids=["interrupt", "terminate"])
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_signal_removes_the_container_and_its_volume(
    name, number, code, checkout, runtime_alone, engine_environments
):
    layer, spec, store = runtime_alone
    environment = engine_environments[name]
    label = {"label": f"{TASK_LABEL}=layer {layer}"}
    with CLIENTS[name](environment) as client:
        process = checkout.start(
            *("build", spec, "--builder", name),
            environment=environment,
            store=store,
            start_new_session=True,
        )
        [container] = wait_for(lambda: client.containers.list(filters=label), process)
        volumes = [mount["Name"] for mount in container.attrs["Mounts"]]
        assert send(number, process) == code
        assert client.containers.list(all=True, filters=label) == []
        own = [volume for volume in volumes if volume != MATERIALS_VOLUME]
        assert len(own) == 1
        with pytest.raises(docker.errors.NotFound):
            client.volumes.get(own[0])
    assert list((store / "temporary").iterdir()) == []
    assert list((store / "builds").iterdir()) == []


@pytest.mark.parametrize(("number", "code"), ENDINGS, ids=["interrupt", "terminate"])
def test_a_signal_ends_the_local_builder(number, code, checkout, runtime_alone):
    _layer, spec, store = runtime_alone

    def building():
        return list((store / "temporary").glob("*/build/tree"))

    process = checkout.start(
        *("build", spec, "--builder", "local"),
        environment=dict(os.environ),
        store=store,
        start_new_session=True,
    )
    [tree] = wait_for(building, process)
    assert send(number, process) == code
    assert list((store / "temporary").iterdir()) == []
    assert list((store / "builds").iterdir()) == []
    work = str(tree.parents[1]).encode()
    assert not [line for line in command_lines() if work in line]


def command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue
