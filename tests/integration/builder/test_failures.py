"""Engines that are not there, images that cannot be built, materials that were damaged."""

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from pathlib import Path

import pytest

from ocistacks.builder import inside
from ocistacks.builder.choose import open_builder
from ocistacks.builder.container import TASK_LABEL, ContainerBuilder
from ocistacks.builder.engine import docker_client, podman_client, send
from ocistacks.builder.image import DEFAULT_BASE, ImageOptions, image_tag
from ocistacks.builder.task import Task
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, EngineError
from ocistacks.platforms import Platform
from ocistacks.request.model import BuildRequest, PythonInput, WheelInput
from ocistacks.spec.names import LayerKind
from ocistacks.store.store import Store

CLIENTS = {"docker": docker_client, "podman": podman_client}


def failed(checkout, *words, environment, store):
    """Run `ocistacks build WORDS` that must fail; return its exit code and message."""
    words = ("build", checkout.spec, "--quiet", *words)
    code, stdout, stderr = checkout.run(*words, environment=environment, store=store)
    assert stdout == ""
    assert "Traceback" not in stderr
    assert list((store / "temporary").iterdir()) == []
    assert list((store / "builds").iterdir()) == []
    return code, stderr


def tools_without(hidden, folder):
    """Return a PATH with all programs of this machine but the hidden ones."""
    folder.mkdir()
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in place.iterdir() if place.is_dir() else ():
            link = folder / program.name
            if program.name not in hidden and not link.is_symlink():
                link.symlink_to(program)
    return str(folder)


def test_docker_that_does_not_answer(checkout, fresh_store, tmp_path):
    address = f"unix://{tmp_path}/nobody.sock"
    environment = {**os.environ, "DOCKER_HOST": address}
    code, message = failed(
        checkout, "--builder", "docker", environment=environment, store=fresh_store()
    )
    assert code == EngineError.exit_code
    assert message == (
        "error: Docker does not answer.\n"
        f"  where: {address}\n"
        "  found: Error while fetching server API version: ('Connection aborted.', "
        "FileNotFoundError(2, 'No such file or directory'))\n"
        "  hint: start Docker, set DOCKER_HOST, or use --builder podman or local\n"
    )


def test_podman_that_is_not_installed(checkout, fresh_store, tmp_path, podman_environment):
    environment = {**podman_environment, "PATH": tools_without({"podman"}, tmp_path / "tools")}
    code, message = failed(
        checkout, "--builder", "podman", environment=environment, store=fresh_store()
    )
    assert code == EngineError.exit_code
    place = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    assert message == (
        "error: Podman does not answer.\n"
        f"  where: {place}/podman/podman.sock\n"
        "  found: no service, and no podman command to start one\n"
        "  hint: install Podman, set CONTAINER_HOST, or use --builder docker or local\n"
    )


def test_a_podman_service_that_does_not_answer(checkout, fresh_store, tmp_path):
    address = f"unix://{tmp_path}/nobody.sock"
    environment = {**os.environ, "CONTAINER_HOST": address}
    code, message = failed(
        checkout, "--builder", "podman", environment=environment, store=fresh_store()
    )
    assert code == EngineError.exit_code
    assert message == (
        "error: Podman does not answer.\n"
        f"  where: {address}\n"
        "  found: Error while fetching server API version: ('Connection aborted.', "
        "FileNotFoundError(2, 'No such file or directory'))\n"
        "  hint: start it with: podman system service --time 0, or use --builder docker or local\n"
    )


def test_a_podman_that_cannot_start(checkout, fresh_store, tmp_path, podman_environment):
    tools = tools_without({"podman"}, tmp_path / "tools")
    broken = tmp_path / "tools" / "podman"
    broken.write_text("#!/bin/sh\necho 'the storage is broken' >&2\nexit 125\n")
    broken.chmod(0o755)
    code, message = failed(
        checkout,
        *("--builder", "podman"),
        environment={**podman_environment, "PATH": tools},
        store=fresh_store(),
    )
    assert code == EngineError.exit_code
    assert message == (
        "error: Podman's service does not start.\n"
        "  where: podman system service\n"
        "  found: the storage is broken\n"
        "  hint: try: podman info; or use --builder docker or local\n"
    )


def without_namespaces(tmp_path):
    """Return an environment without engines, in which no program gives namespaces."""
    tools = tools_without({"podman", "bwrap", "unshare"}, tmp_path / "tools")
    for name in ("bwrap", "unshare"):
        refusing = tmp_path / "tools" / name
        refusing.write_text(f"#!/bin/sh\necho '{name}: Operation not permitted' >&2\nexit 1\n")
        refusing.chmod(0o755)
    return {**os.environ, "PATH": tools, "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}


@pytest.mark.parametrize("builder", ["auto", "local"])
def test_a_kernel_that_gives_no_namespaces(builder, checkout, fresh_store, tmp_path):
    code, message = failed(
        checkout,
        *("--builder", builder),
        environment=without_namespaces(tmp_path),
        store=fresh_store(),
    )
    assert code == EngineError.exit_code
    assert message == (
        "error: The local builder cannot isolate its builds on this machine.\n"
        "  found: bubblewrap: bwrap: Operation not permitted; "
        "unshare: unshare: Operation not permitted\n"
        "  expected: bubblewrap or unshare with user namespaces\n"
        "  hint: install bubblewrap, allow unprivileged user namespaces, use --builder docker or "
        "podman, or accept builds that are not hermetic with --allow-unconfined\n"
    )


def test_a_build_that_is_not_hermetic_says_so(empty_file_task, tmp_path, monkeypatch):
    environment = without_namespaces(tmp_path)
    monkeypatch.setenv("PATH", environment["PATH"])
    said = []
    with open_builder(
        "local",
        store=Store(tmp_path / "store"),
        image_options=ImageOptions(base_image=None, environment=environment, say=said.append),
        allow_unconfined=True,
    ) as builder:
        answer = builder.run(
            empty_file_task, output=tmp_path / "output", on_step=lambda _line: None
        )
    assert builder.name == "local (unconfined)"
    assert answer.startswith("1 loop, best of 1: ")
    assert (tmp_path / "output").read_bytes() == b""
    assert said == [
        "This build is not hermetic: the kernel gives no namespaces (--allow-unconfined)."
    ]


@pytest.fixture(params=["docker", "podman"])
def engine(request, engine_environments):
    """The name, the environment and a client of each engine."""
    environment = engine_environments[request.param]
    with CLIENTS[request.param](environment) as client:
        yield request.param, environment, client


def write_empty_image(folder):
    """Write the file system of an image in which nothing runs; return its path."""
    path = folder / "empty.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"), io.BytesIO())
    return path


def test_an_image_that_cannot_be_built(engine, image_options, tmp_path):
    name, environment, client = engine
    empty = write_empty_image(tmp_path)
    base = f"localhost/ocistacks-test-{uuid.uuid4().hex}:empty"
    client.api.import_image(src=str(empty), repository=base)
    options = image_options(environment, base_image=base)
    try:
        builder = ContainerBuilder(client, name, Store(tmp_path / "store"), options)
        with pytest.raises(EngineError) as caught:
            builder.prepare("builder")
        assert client.images.list(name=image_tag("builder", options)) == []
    finally:
        client.images.remove(base, force=True)
    error = caught.value
    assert error.what == "The builder image cannot be built."
    assert error.where == f"{name}, Containerfile.builder, base image {base}"
    assert "sh" in error.found
    assert error.hint == (
        "name another base with --builder-base, set proxy and SSL_CERT_FILE, or build without an "
        "engine: --builder local"
    )


@pytest.fixture
def unable_podman(podman_environment):
    """The environment of a Podman whose base image has nothing in it, so that nothing runs there.

    Its storage is not in pytest's folder: podman refuses a run root of more than fifty characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="ocistacks-podman-"))
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n'
    )
    empty = write_empty_image(folder)
    environment = {
        **podman_environment,
        "CONTAINERS_STORAGE_CONF": str(storage),
        "DOCKER_HOST": "tcp://127.0.0.1:1",  # where nobody listens
    }
    subprocess.run(["podman", "import", "-q", empty, DEFAULT_BASE], env=environment, check=True)
    yield environment
    shutil.rmtree(folder)


def test_auto_builds_here_where_an_engine_makes_no_image(unable_podman, tmp_path):
    said = []
    options = ImageOptions(base_image=None, environment=unable_podman, say=said.append)
    store = Store(tmp_path / "store")
    with open_builder(
        "auto", store=store, image_options=options, allow_unconfined=False
    ) as builder:
        assert builder.name == "podman"
        builder.prepare("builder")
        assert builder.name.startswith("local (")
    assert said[-1] == (
        "podman answers, but cannot make the builder's image (--builder podman shows why): "
        f"building with {builder.name} instead."
    )


def test_an_engine_that_was_asked_for_is_not_left(unable_podman, image_options, tmp_path):
    store = Store(tmp_path / "store")
    for wanted, base in (("podman", None), ("auto", DEFAULT_BASE)):
        options = image_options(unable_podman, base_image=base)
        with (
            open_builder(
                wanted, store=store, image_options=options, allow_unconfined=False
            ) as builder,
            pytest.raises(EngineError, match="The builder image cannot be built"),
        ):
            builder.prepare("builder")


def wheel_task(store):
    """Return a task whose one material is a new file, and that file's digest."""
    content = uuid.uuid4().bytes * 1000
    digest = Digest.of_bytes(content)
    store.add_blob(digest, [content], what="a material")
    wheel = WheelInput(name="a", version="1", filename="a-1-py3-none-any.whl", digest=digest)
    request = BuildRequest(
        kind=LayerKind.FRAMEWORK,
        install_target="framework-x",
        platform=Platform.of_this_machine(),
        python=PythonInput(implementation="cpython", version="3.13.5", digest=None),
        lower_targets=("runtime",),
        wheels=(wheel,),
        modules=None,
        bytecode=False,
        compression="zstd",
        compression_level=3,
    )
    task = Task(
        name=f"layer {uuid.uuid4().hex}",
        module=inside.MODULE,
        arguments=lambda materials: (materials, "1"),
        files={inside.REQUEST_FILE: request.canonical()},
        materials=(digest,),
        output=inside.BLOB_FILE,
    )
    return task, digest, content


def test_a_material_that_was_damaged_in_the_engine(engine, image_options, tmp_path):
    name, environment, client = engine
    store = Store(tmp_path / "store")
    builder = ContainerBuilder(client, name, store, image_options(environment))
    task, digest, content = wheel_task(store)
    # Of the same size, so that only its digest tells.
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    image = builder._image("builder")
    volumes = ["ocistacks-materials:/materials"]
    loader = client.containers.create(image, ["nothing"], network_mode="none", volumes=volumes)
    try:
        send(loader, "/materials", [(digest.hex, damaged)])
        with pytest.raises(BuildError) as caught:
            builder.run(task, output=tmp_path / "output", on_step=lambda _line: None)
    finally:
        loader.remove(force=True)
    assert str(caught.value) == (
        f"{task.name} could not be built.\n"
        f"  where: builder {name}, exit code 8\n"
        "  found: verify materials\n"
        "    A material did not reach the builder whole.\n"
        f"      found: {Digest.of_bytes(damaged)}\n"
        f"      expected: {digest}\n"
        "      hint: build again; if it stays so, remove the volume ocistacks-materials"
    )
    assert not (tmp_path / "output").exists()
    assert client.containers.list(all=True, filters={"label": f"{TASK_LABEL}={task.name}"}) == []


def test_a_material_that_was_cut_is_sent_again(engine, image_options, tmp_path):
    name, environment, client = engine
    store = Store(tmp_path / "store")
    builder = ContainerBuilder(client, name, store, image_options(environment))
    task, digest, content = wheel_task(store)
    image = builder._image("builder")
    volumes = ["ocistacks-materials:/materials"]
    loader = client.containers.create(image, ["nothing"], network_mode="none", volumes=volumes)
    try:
        send(loader, "/materials", [(digest.hex, content[:100])])
        with pytest.raises(BuildError) as caught:
            builder.run(task, output=tmp_path / "output", on_step=lambda _line: None)
    finally:
        loader.remove(force=True)
    # What arrived is whole, and is no wheel.
    assert "\n    A wheel cannot be read.\n      where: a-1-py3-none-any.whl\n" in str(caught.value)


def test_a_damaged_material_is_noticed_by_the_local_builder(tmp_path, image_options):
    store = Store(tmp_path / "store")
    task, digest, content = wheel_task(store)
    path = store.blob_path(digest)
    path.chmod(0o644)
    path.write_bytes(content[:-1])
    with (
        open_builder(
            "local", store=store, image_options=image_options(os.environ), allow_unconfined=False
        ) as builder,
        pytest.raises(BuildError) as caught,
    ):
        builder.run(task, output=tmp_path / "output", on_step=lambda _line: None)
    assert "\n    A material did not reach the builder whole.\n" in str(caught.value)
    assert list((tmp_path / "store" / "temporary").iterdir()) == []
