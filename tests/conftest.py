"""Real servers for the integration tests; each is started once and listens on the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_ROOT = Path(__file__).parents[1]
_START_SECONDS = 20.0
_CONFIGURATION = """\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  delete:
    enabled: true
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
"""

# The nproc and nofile limits are what an engine inside a container may still give.
_CONTAINERS_CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
# By default all storages of a user share this folder, and a reset of one confuses the others.
tmp_dir = "{folder}/tmp"
"""
_STORAGE_CONFIGURATION = """\
[storage]
driver = "overlay"
graphroot = "{folder}/root"
runroot = "{folder}/run"
"""

# What takes longest, in the order in which it should begin. The first two compile a Python each;
# what is not named here needs none and comes next; the others need the first one's.
_COMPILING = ("tests/integration/builder", "tests/integration/python_source")
_LONG = (
    "tests/e2e",
    "tests/e2e/kubernetes",
    "tests/integration/platforms",
    "tests/integration/builder_local",
    "tests/e2e/attestations",
    "tests/e2e/sharing",
    "tests/integration/wheels",
    "tests/integration/deploy",
)


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # a library without types
    """Keeps a folder's tests on one worker, so that their fixtures are made once."""

    def _split_scope(self, nodeid: str) -> str:
        return _folder(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Say how tests are shared among the workers of `--numprocesses`."""
    return _ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of each folder begin when what they need is likely to be there."""
    places = {folder: place for place, folder in enumerate((*_COMPILING, "", *_LONG))}
    items.sort(key=lambda item: places.get(_folder(item.nodeid), places[""]))


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]


@pytest.fixture(scope="session")
def test_cache() -> Path:
    """A folder that stays between runs: compiling Python takes minutes."""
    folder = Path(os.environ.get("OCISTACKS_TEST_CACHE", _ROOT / ".cache" / "tests"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def podman_settings() -> Callable[[Path], dict[str, str]]:
    """A function that gives the environment in which podman keeps all that is its in a folder."""

    def write(folder: Path) -> dict[str, str]:
        settings, storage = folder / "containers.conf", folder / "storage.conf"
        settings.write_text(_CONTAINERS_CONFIGURATION.format(folder=folder))
        storage.write_text(_STORAGE_CONFIGURATION.format(folder=folder))
        without_engine = {key: text for key, text in os.environ.items() if key != "CONTAINER_HOST"}
        return {
            **without_engine,
            "CONTAINERS_CONF": str(settings),
            "CONTAINERS_STORAGE_CONF": str(storage),
            # What else is on stderr is the program's that runs.
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    return write


@pytest.fixture(scope="session")
def start_registry(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., AbstractContextManager[str]]:
    """Return a function that serves Debian's docker-registry, empty, and gives its HOST:PORT.

    ``more`` is added to its configuration, ``tls`` what stands below http.tls there; ``data`` is
    the folder that it keeps all in.
    """

    @contextmanager
    def serving(more: str = "", tls: str = "", data: Path | None = None) -> Iterator[str]:
        program = shutil.which("docker-registry")
        assert program, "these tests need docker-registry (Debian package docker-registry)"
        folder = tmp_path_factory.mktemp("registry")
        port = _free_port()
        configuration = folder / "config.yml"
        text = _CONFIGURATION.format(root=data or folder / "data", port=port)
        configuration.write_text(text + (f"  tls:\n{tls}" if tls else "") + more)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, "serve", configuration], stdout=log, stderr=log)
        try:
            _wait_until_it_listens(process, port, folder / "log")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)

    return serving


@pytest.fixture(scope="session")
def registry_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the registry of `registry` keeps its blobs."""
    return tmp_path_factory.mktemp("registry-data")


@pytest.fixture(scope="session")
def registry(
    start_registry: Callable[..., AbstractContextManager[str]], registry_data: Path
) -> Iterator[str]:
    """Serve a registry that asks nobody who they are; give its HOST:PORT."""
    with start_registry(data=registry_data) as host:
        yield host


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2):
                return
        except OSError:
            stopped = process.poll() is not None
            assert not stopped and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


@pytest.fixture(scope="session")
def restricted_faults() -> Callable[[dict[str, Any]], list[str]]:
    """A function that tells what a PodSpec breaks of the restricted Pod Security profile.

    Rule by rule after https://kubernetes.io/docs/concepts/security/pod-security-standards/, and
    the read-only root and missing token that this project promises beside it.
    """
    return _restricted_faults


_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}


def _restricted_faults(spec: dict[str, Any]) -> list[str]:
    pod = spec.get("securityContext", {})
    faults = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes", []):
        faults += [f"volume {kind}" for kind in volume.keys() - {"name"} - _VOLUMES]
    if pod.get("sysctls"):
        faults.append("sysctls")
    if spec.get("automountServiceAccountToken") is not False:
        faults.append("service account token")
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    for container in containers:
        own = container.get("securityContext", {})
        faults += [f"{container['name']}: {fault}" for fault in _container_faults(own, pod)]
        if any("hostPort" in port for port in container.get("ports", [])):
            faults.append(f"{container['name']}: hostPort")
    return faults


def _container_faults(own: dict[str, Any], pod: dict[str, Any]) -> list[str]:
    capabilities = own.get("capabilities", {})
    rules = {
        "privileged": not own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
        "capabilities": capabilities.get("drop") == ["ALL"]
        and set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "procMount": own.get("procMount", "Default") == "Default",
        "runAsNonRoot": own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
        "runAsUser": own.get("runAsUser", pod.get("runAsUser")) not in {None, 0},
        "seccompProfile": own.get("seccompProfile", pod.get("seccompProfile", {})).get("type")
        in {"RuntimeDefault", "Localhost"},
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
    }
    return [name for name, holds in rules.items() if not holds]
