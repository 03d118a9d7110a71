"""The sklearn example, locked once, and checkouts that build it as a user's command does."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "sklearn"
NOT_IN_A_CHECKOUT = shutil.ignore_patterns(
    *("__pycache__", "requirements", "_build", "_artifacts", "_export")
)


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A copy of this repository's source, whose command runs as a process."""

    folder: Path

    @property
    def spec(self):
        return self.folder / "examples" / "sklearn" / "venvstacks.toml"

    def start(self, *words, environment, store, umask=0o022, **options):
        """Start `ocistacks WORDS`; the checkout's own package is what runs."""
        return subprocess.Popen(
            [sys.executable, "-m", "ocistacks", *map(str, words)],
            cwd=self.folder,
            env={
                **environment,
                "PYTHONPATH": str(self.folder / "src"),
                "OCISTACKS_STORE": str(store),
            },
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *words, **options):
        """Run the command to its end; return its exit code, stdout and stderr."""
        process = self.start(*words, **options)
        stdout, stderr = process.communicate()
        return process.returncode, stdout, stderr

    def build(self, *words, **options):
        """Build the example; return the input digest and blob digest of every layer."""
        code, stdout, stderr = self.run("build", self.spec, "--quiet", *words, **options)
        assert code == 0, f"{stdout}\n{stderr}"
        records = (options["store"] / "builds").glob("*.json")
        return {record.stem: json.loads(record.read_text())["digest"] for record in records}


@pytest.fixture(scope="session")
def make_checkout(tmp_path_factory, locked_example):
    """A function that makes a checkout, with the locks of the example in it."""

    def make(name):
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(ROOT / "src", folder / "src", ignore=NOT_IN_A_CHECKOUT)
        shutil.copytree(locked_example, folder / "examples" / "sklearn")
        told = subprocess.run(
            [sys.executable, "-c", "import ocistacks; print(ocistacks.__file__)"],
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout == f"{folder}/src/ocistacks/__init__.py\n"
        return Checkout(folder=folder)

    return make


@pytest.fixture(scope="session")
def checkout(make_checkout):
    return make_checkout("checkout")


@pytest.fixture(scope="session")
def locked_example(tmp_path_factory, test_store, python_pin):
    """The folder of the example with its locks; its materials are in the lasting store."""
    assert python_pin.version == "3.13.5"
    folder = tmp_path_factory.mktemp("locked") / "sklearn"
    shutil.copytree(EXAMPLE, folder, ignore=NOT_IN_A_CHECKOUT)
    words = ["lock", folder / "venvstacks.toml", "--python-from", "source", "--builder", "local"]
    environment = {**os.environ, "OCISTACKS_STORE": str(test_store.root)}
    subprocess.run([sys.executable, "-m", "ocistacks", *words], env=environment, check=True)
    return folder


@pytest.fixture
def fresh_store(tmp_path, test_store):
    """A function that makes a store without anything built, which shares the lasting one's blobs.

    The blobs are hard links: they lie on one file system or are copied.
    """

    def make(name="store"):
        blobs = tmp_path / name / "blobs"
        blobs.mkdir(parents=True)
        shutil.copytree(test_store.root / "blobs" / "sha256", blobs / "sha256", copy_function=_link)
        return tmp_path / name

    return make


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


@pytest.fixture(scope="session")
def engine_environments(docker_engine, docker_base, podman_environment, podman_base):
    """The environment of the command for each builder."""
    docker = {"DOCKER_HOST": docker_engine, "OCISTACKS_BUILDER_BASE": docker_base}
    return {
        "docker": {**os.environ, **docker},
        "podman": {**podman_environment, "OCISTACKS_BUILDER_BASE": podman_base},
        "local": dict(os.environ),
    }
