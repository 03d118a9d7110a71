"""Container engines through docker-py: the one module that talks to them.

docker-py is imported where it is used: it is slow to import, and not every command needs it.

Docker is reached as its own client reaches it (DOCKER_HOST, DOCKER_TLS_VERIFY, the default
socket); Podman through the Docker-compatible API on its socket, which is started for the time of
the command where no service listens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ocistacks.errors import EngineError
from ocistacks.files import unwritable
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docker import DockerClient
    from docker.models.containers import Container

_BUILD_SECONDS = 3600
_SERVICE_START_SECONDS = 15.0
_COPY_BYTES = 1 << 20


@contextmanager
def docker_client(environment: Mapping[str, str]) -> Iterator[DockerClient]:
    """Give a client of the Docker engine; EngineError if none answers."""
    import docker

    where = environment.get("DOCKER_HOST", "the default socket")
    with _told("Docker", where, "start Docker, set DOCKER_HOST, or use --builder podman or local"):
        client = docker.from_env(environment=dict(environment), timeout=_BUILD_SECONDS)
        # Else REQUESTS_CA_BUNDLE would take the place of the CA in DOCKER_CERT_PATH.
        client.api.trust_env = False
        client.ping()
    with closing(client):
        yield client


@contextmanager
def podman_client(environment: Mapping[str, str]) -> Iterator[DockerClient]:
    """Give a client of Podman's Docker-compatible API; EngineError if Podman is not there."""
    import docker

    with _podman_address(environment) as address:
        hint = "start it with: podman system service --time 0, or use --builder docker or local"
        with _told("Podman", address, hint):
            client = docker.DockerClient(base_url=address, timeout=_BUILD_SECONDS)
            client.ping()
        with closing(client):
            yield client


@contextmanager
def engine_errors(doing: str, engine: str) -> Iterator[None]:
    """Turn what docker-py raises into an EngineError that says what was being done."""
    import docker.errors
    import requests
    import urllib3.exceptions

    try:
        yield
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
    ) as error:
        raise EngineError(
            f"The container engine failed to {doing}.",
            where=engine,
            found=str(getattr(error, "explanation", None) or error),
            hint="look at the engine's own log",
        ) from error


def engine_platform(client: DockerClient, engine: str) -> Platform:
    """Return the platform that containers of an engine run on by themselves.

    Raises:
        EngineError: it is none that layers can be built on.
    """
    with engine_errors("tell its platform", engine):
        told = client.version()
    found = (str(told.get("Os", "")).lower(), str(told.get("Arch", "")).lower())
    for platform in Platform:
        if platform.is_linux and found == (platform.oci_os, platform.oci_architecture):
            return platform
    raise EngineError(
        "The container engine is of a kind that layers cannot be built on.",
        where=engine,
        found="/".join(found),
        expected="linux/amd64 or linux/arm64",
        hint="use another engine, or --builder local",
    )


def send(
    container: Container, folder: str, entries: Iterable[tuple[str, Path | bytes | None]]
) -> None:
    """Stream files into a folder of a created container, readable by all.

    A name without content makes a folder, writable by all.
    """
    container.put_archive(folder, cast("bytes", _tar_stream(entries)))


def receive(container: Container, path: str, output: Path) -> None:
    """Stream one file out of a container.

    Raises:
        EngineError: something else than a file comes.
        TargetError: the file cannot be written, as on a full disk.
    """
    chunks, _stat = container.get_archive(path, chunk_size=_COPY_BYTES)
    with tarfile.open(fileobj=cast("IO[bytes]", _Readable(chunks)), mode="r|") as archive:
        member = archive.next()
        stream = archive.extractfile(member) if member is not None and member.isreg() else None
        if stream is None:
            raise EngineError(
                "The container engine gives no file back.", where=path, expected="a regular file"
            )
        try:
            with output.open("wb") as target:
                shutil.copyfileobj(stream, target, _COPY_BYTES)
        except OSError as error:
            if error.errno is None:
                raise
            raise unwritable(output, error) from error


def size_in_container(container: Container, path: str) -> int | None:
    """Return the size in bytes of a file in a container, None if it is not there."""
    import docker.errors

    try:
        chunks, stat = container.get_archive(path, chunk_size=512)
    except docker.errors.NotFound:
        return None
    with suppress(AttributeError):
        cast("Any", chunks).close()
    return int(stat["size"]) if stat else None


class _Readable:
    """A stream of chunks as a file that can be read, for tarfile."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        result, self._rest = self._rest[:size], self._rest[size:]
        return result


def _tar_stream(entries: Iterable[tuple[str, Path | bytes | None]]) -> Iterator[bytes]:
    for name, content in entries:
        header = tarfile.TarInfo(name)
        header.mode = 0o644
        if content is None:
            header.type, header.mode = tarfile.DIRTYPE, 0o777
            yield header.tobuf()
        elif isinstance(content, bytes):
            header.size = len(content)
            yield header.tobuf()
            yield content
        else:
            header.size = content.stat().st_size
            yield header.tobuf()
            with content.open("rb") as stream:
                yield from iter(lambda: stream.read(_COPY_BYTES), b"")
        yield b"\0" * (-header.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


@contextmanager
def _podman_address(environment: Mapping[str, str]) -> Iterator[str]:
    if named := environment.get("CONTAINER_HOST"):
        yield named
        return
    folder = environment.get("XDG_RUNTIME_DIR") if os.geteuid() else "/run"
    socket = Path(folder or "/nonexistent") / "podman" / "podman.sock"
    if socket.is_socket() and _listens(socket):
        yield f"unix://{socket}"
        return
    if shutil.which("podman") is None:
        raise EngineError(
            "Podman does not answer.",
            where=str(socket),
            found="no service, and no podman command to start one",
            hint="install Podman, set CONTAINER_HOST, or use --builder docker or local",
        )
    with _podman_service(environment) as address:
        yield address


@contextmanager
def _podman_service(environment: Mapping[str, str]) -> Iterator[str]:
    """Run ``podman system service`` on a socket of our own until exit."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ocistacks-podman-"))
        socket = Path(folder) / "podman.sock"
        # A file, because a pipe that nobody reads would fill and stop the service.
        log = stack.enter_context((Path(folder) / "log").open("w+", errors="replace"))
        process = subprocess.Popen(
            ["podman", "system", "service", "--time", "0", f"unix://{socket}"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            # An interrupt from the terminal is not for the service: containers are removed first.
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + _SERVICE_START_SECONDS
            while not (socket.is_socket() and _listens(socket)):
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    log.seek(0)
                    raise EngineError(
                        "Podman's service does not start.",
                        where="podman system service",
                        found=log.read().strip()[-1000:] or "no answer in time",
                        hint="try: podman info; or use --builder docker or local",
                    )
                time.sleep(0.05)
            yield f"unix://{socket}"
        finally:
            process.terminate()
            process.wait()


def _listens(socket_path: Path) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_path))
        except OSError:
            return False
    return True


@contextmanager
def _told(engine: str, where: str, hint: str) -> Iterator[None]:
    import docker.errors
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineError(
            f"{engine} does not answer.", where=where, found=str(error), hint=hint
        ) from error
