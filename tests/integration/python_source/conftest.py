"""The images of Containerfile.builder and two runtime archives, each made once."""

import json
import os
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from ocistacks.builder.python_source.apt_mirrors import installed_mirrors
from ocistacks.builder.python_source.fetching import fetch_release
from ocistacks.builder.python_source.sources import source_release
from ocistacks.progress import SilentReporter

ROOT = Path(__file__).parents[3]
VERSION = "3.13.5"
PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

Built = namedtuple("Built", "archive blob")


def run(*command, environment=None, **options):
    """Run a tool to its end and return what it printed; what else it said is in the failure."""
    finished = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    try:
        finished.check_returncode()
    except subprocess.CalledProcessError as error:
        error.add_note(f"{finished.stdout[-2000:]}\n{finished.stderr}")
        raise
    return finished.stdout


@pytest.fixture(scope="session")
def docker(docker_engine):
    """A function that calls the docker client."""
    # The classic builder is the one that every engine has.
    environment = {"DOCKER_BUILDKIT": "0", "DOCKER_HOST": docker_engine}
    return lambda *words, **options: run("docker", *words, environment=environment, **options)


@pytest.fixture(scope="session")
def tarball(test_store):
    release = source_release(VERSION, debian_mirrors=installed_mirrors())
    return fetch_release(release, test_store, environment=os.environ, reporter=SilentReporter())


@pytest.fixture(scope="session")
def containers(podman_environment):
    """A function that calls podman or buildah on the storage that the tests share."""
    return lambda tool, *words: run(tool, *words, environment=podman_environment)


@pytest.fixture(scope="session")
def context(tmp_path_factory):
    """A build context like a checkout, with this machine's certificates where it needs its own."""
    folder = tmp_path_factory.mktemp("context")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copy(ROOT / "Containerfile.builder", folder, follow_symlinks=False)
    shutil.copy(ROOT / ".dockerignore", folder)
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        shutil.copy(bundle, folder / "ca-bundle.crt")
    return folder


@pytest.fixture(scope="session")
def build_words(context):
    """What follows `docker build`, `podman build` and `buildah build` alike."""

    def words(target, base, tag):
        arguments = [f"--build-arg=BASE_IMAGE={base}"]
        arguments += [f"--build-arg={name}" for name in PASSED_ON if os.environ.get(name)]
        arguments += [f"--target={target}", f"--tag={tag}"]
        return ["--network=host", *arguments, "-f", context / "Containerfile.builder", context]

    return words


@pytest.fixture(scope="session")
def source_image(docker, docker_base, build_words):
    name = "ocistacks-test-python-source:latest"
    docker("build", "--force-rm", *build_words("python-source", docker_base, name))
    return name


@pytest.fixture(scope="session")
def runtime(docker, source_image, tarball, tmp_path_factory):
    """A runtime that was built in a container as locked up as a builder's."""
    folder = tmp_path_factory.mktemp("runtime")
    container = docker(
        *["create", "--network=none", "--read-only", "--cap-drop=ALL", "--pids-limit=512"],
        *["--security-opt=no-new-privileges", "--volume=/work", "--volume=/materials"],
        *[source_image, "ocistacks.builder.python_source.build"],
        *["--source", "/materials/release.tar.xz", "--output", "/work/python.tar.zst"],
        *["--work", "relative/and/much/deeper", "--jobs", 3],
    ).strip()
    try:
        docker("cp", tarball, f"{container}:/materials/release.tar.xz")
        printed = docker("start", "--attach", container)
        docker("cp", f"{container}:/work/python.tar.zst", folder)
    finally:
        docker("rm", "--force", "--volumes", container)
    return Built(folder / "python.tar.zst", json.loads(printed))


@pytest.fixture(scope="session")
def unpacked(runtime, tmp_path_factory):
    """A folder with the runtime at two depths, unpacked by plain tools and then read-only."""
    folder = tmp_path_factory.mktemp("unpacked")
    for place in ("shallow", "a/much/deeper/place"):
        (folder / place).mkdir(parents=True)
        with subprocess.Popen(["zstd", "-dc", runtime.archive], stdout=subprocess.PIPE) as reader:
            run("tar", "-x", "-C", folder / place, stdin=reader.stdout)
        assert reader.returncode == 0
    # pytest's folders are for their owner alone; the container has another user.
    folder.chmod(0o755)
    run("chmod", "-R", "a-w", folder / "shallow", folder / "a")
    yield folder
    run("chmod", "-R", "u+w", folder)


@pytest.fixture(scope="session")
def bare_run(docker, docker_base, unpacked):
    """A function that runs a command on a bare Debian beside the unpacked runtimes, read-only."""

    def bare(*command, image=docker_base, mounts=(), environment=()):
        return docker(
            *["run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp:exec,mode=1777"],
            *["--user=4321:4321", "--entrypoint=", f"--volume={unpacked}:/srv:ro"],
            *[f"--volume={path}:{place}:ro" for path, place in mounts],
            *[f"--env={setting}" for setting in environment],
            *[image, *command],
        )

    return bare
