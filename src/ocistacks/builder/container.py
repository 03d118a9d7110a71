"""The container builder: a task runs in a container of Docker or Podman, sealed off.

No bind mounts, so that remote engines and engines inside containers work: materials go into a
volume of the engine as a stream, once; the task's files go in and its output comes out as streams.
"""

from __future__ import annotations

import threading
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ocistacks.builder.engine import (
    engine_errors,
    engine_platform,
    receive,
    send,
    size_in_container,
)
from ocistacks.builder.image import ensure_image
from ocistacks.builder.task import FIXED_ENVIRONMENT
from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from docker import DockerClient
    from docker.models.containers import Container

    from ocistacks.builder.image import ImageOptions
    from ocistacks.builder.task import Task, Toolchain
    from ocistacks.digests import Digest
    from ocistacks.platforms import Platform
    from ocistacks.store.store import Store

MATERIALS_VOLUME = "ocistacks-materials"
TASK_LABEL = "dev.ocistacks.task"
_MATERIALS = "/materials"
_WORK = "/work"
_USER = "1000:1000"
_PROCESSES = 2048
_TOLD_LINES = 40
_LAST_LINES_SECONDS = 5.0


class ContainerBuilder:
    """Runs tasks in containers of one engine."""

    def __init__(
        self, client: DockerClient, engine: str, store: Store, image_options: ImageOptions
    ) -> None:
        self._client = client
        self._engine = engine
        self._store = store
        self._image_options = image_options
        self._images: dict[Toolchain, str] = {}
        self._running: set[str] = set()
        self._stopped = False

    @property
    def name(self) -> str:
        """What the builder is, for people."""
        return self._engine

    @property
    def platform(self) -> Platform:
        """The platform of the engine's machine, which may be another than this one."""
        return engine_platform(self._client, self._engine)

    def prepare(self, toolchain: Toolchain) -> None:
        """Make the builder image if the engine does not have it; see ``Builder.prepare``."""
        self._image(toolchain)

    def run(self, task: Task, *, output: Path, on_step: Callable[[str], None]) -> str:
        """Run a task in a new container, which is removed afterwards; see ``Builder.run``."""
        with engine_errors(f"build {task.name}", self._engine):
            image = self._image(task.toolchain)
            self._send_materials(image, task.materials)
            with self._container(image, task) as container:
                send(
                    container,
                    _WORK,
                    [*task.files.items(), *((name, None) for name in task.folders)],
                )
                container.start()
                if self._stopped:
                    container.kill()
                code = _followed(container, on_step)
                if code != 0:
                    told = container.logs(stdout=False, stderr=True, tail=_TOLD_LINES)
                    lines = told.decode(errors="replace").splitlines()
                    raise BuildError(
                        f"{task.name} could not be built.",
                        where=f"builder {self.name}, exit code {code}",
                        found="\n    ".join(lines) or "no word",
                    )
                answer = container.logs(stdout=True, stderr=False).decode().splitlines()
                receive(container, f"{_WORK}/{task.output}", output)
        return answer[-1] if answer else ""

    def stop(self) -> None:
        """Remove the containers, from another thread; see ``Builder.stop``."""
        import docker.errors

        self._stopped = True
        for name in tuple(self._running):
            with suppress(docker.errors.APIError):
                self._client.api.remove_container(name, force=True, v=True)

    def _image(self, toolchain: Toolchain) -> str:
        # Looked for once: all tasks of a command run in one image, whatever is edited meanwhile.
        if toolchain not in self._images:
            self._images[toolchain] = ensure_image(
                self._client, self._engine, toolchain, self._image_options
            )
        return self._images[toolchain]

    @contextmanager
    def _container(self, image: str, task: Task) -> Iterator[Container]:
        name = _new_name()
        self._running.add(name)
        with _removed_afterwards(self._client, name):
            try:
                yield self._client.containers.create(
                    image,
                    [task.module, *task.arguments(_MATERIALS)],
                    name=name,
                    cap_drop=["ALL"],
                    environment={**FIXED_ENVIRONMENT, "HOME": _WORK, "TMPDIR": _WORK},
                    labels={TASK_LABEL: task.name},
                    network_mode="none",
                    pids_limit=_PROCESSES,
                    read_only=True,
                    security_opt=["no-new-privileges"],
                    tmpfs={"/tmp": "mode=1777,size=256m"},
                    user=_USER,
                    volumes=[f"{MATERIALS_VOLUME}:{_MATERIALS}:ro", _WORK],
                    working_dir=_WORK,
                )
            finally:
                self._running.discard(name)

    def _send_materials(self, image: str, materials: tuple[Digest, ...]) -> None:
        """Bring what the engine lacks into its volume, through a container that never starts."""
        name = _new_name()
        with (
            self._store.exclusively(f"engine-{self._engine}"),
            _removed_afterwards(self._client, name),
        ):
            loader = self._client.containers.create(
                image,
                ["nothing"],
                name=name,
                labels={TASK_LABEL: "materials"},
                network_mode="none",
                volumes=[f"{MATERIALS_VOLUME}:{_MATERIALS}"],
            )
            paths = {digest: self._store.blob_path(digest) for digest in materials}
            missing = [
                (digest.hex, path)
                for digest, path in paths.items()
                if size_in_container(loader, f"{_MATERIALS}/{digest.hex}") != path.stat().st_size
            ]
            if missing:
                send(loader, _MATERIALS, missing)


def _new_name() -> str:
    return f"ocistacks-{uuid.uuid4().hex}"


@contextmanager
def _removed_afterwards(client: DockerClient, name: str) -> Iterator[None]:
    """Remove a container and its own volumes on exit, also one that was only just asked for."""
    import docker.errors

    try:
        yield
    finally:
        with suppress(docker.errors.NotFound):
            client.api.remove_container(name, force=True, v=True)


def _followed(container: Container, on_step: Callable[[str], None]) -> int:
    """Tell each line of the container's stderr until it ends; return its exit code."""
    stream = container.logs(stdout=False, stderr=True, follow=True, stream=True)
    follower = threading.Thread(target=_tell, args=(stream, on_step), daemon=True)
    follower.start()
    code = int(container.wait()["StatusCode"])
    # Some engines do not end the stream of a container that ended while it was asked for.
    follower.join(_LAST_LINES_SECONDS)
    if follower.is_alive():
        stream.close()
    return code


def _tell(stream: Iterable[bytes], on_step: Callable[[str], None]) -> None:
    rest = ""
    for chunk in stream:
        *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
        for line in lines:
            on_step(line)
    if rest:
        on_step(rest)
