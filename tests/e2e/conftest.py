"""The command line as users have it, a stack that is locked and built once, and a place for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class CommandLine:
    """Runs `ocistacks` as a process with a store of its own."""

    command = Path(sys.executable).with_name("ocistacks")

    def __init__(self, environment):
        self.environment = environment

    def run(self, *arguments, **changes):
        """Run a command and return it finished; ``changes`` are environment variables."""
        return subprocess.run(
            [self.command, *map(str, arguments)],
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def succeed(self, *arguments, **changes):
        """Run a command that must succeed and return its stdout."""
        finished = self.run(*arguments, **changes)
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
        return finished.stdout

    def fail(self, *arguments, **changes):
        """Run a command that must fail with a message, and return its exit code and message."""
        finished = self.run(*arguments, **changes)
        assert finished.returncode != 0, finished.stdout
        assert "Traceback" not in finished.stderr, finished.stderr
        _notices, mark, message = finished.stderr.partition("error: ")
        assert mark, finished.stderr
        return finished.returncode, message


SMALL_SPEC = """
[[runtimes]]
name = "main"
python_implementation = "cpython@3.13.5"
requirements = []

[[applications]]
name = "small"
runtime = "main"
requirements = []
launch_module = "small.py"
"""


@pytest.fixture
def small_spec(tmp_path, command_line):
    """A locked stack of one file, which is another each time; nothing else needs to be fetched."""
    spec = tmp_path / "small" / "venvstacks.toml"
    spec.parent.mkdir()
    spec.write_text(SMALL_SPEC)
    (spec.parent / "small.py").write_text(f"print({str(spec.parent)!r})\n")
    command_line.succeed("lock", spec)
    return spec


@pytest.fixture(scope="session")
def command_line(test_cache):
    environment = {
        **os.environ,
        "OCISTACKS_STORE": str(test_cache / "store"),
        "OCISTACKS_BUILDER": "local",
        "OCISTACKS_BASE_IMAGE": "none",
    }
    return CommandLine(environment)


@pytest.fixture
def fresh_command_line(command_line, tmp_path):
    """The command line of another machine: its store is empty."""
    return CommandLine({**command_line.environment, "OCISTACKS_STORE": str(tmp_path / "store")})


@pytest.fixture(scope="session")
def stack(command_line, tmp_path_factory):
    """The specification of the sklearn example, locked and built, in a folder of its own."""
    folder = tmp_path_factory.mktemp("stack") / "sklearn"
    shutil.copytree(
        ROOT / "examples" / "sklearn", folder, ignore=shutil.ignore_patterns("requirements")
    )
    spec = folder / "venvstacks.toml"
    command_line.succeed("lock", spec)
    command_line.succeed("build", spec)
    return spec


@pytest.fixture(scope="session")
def base_layout(command_line, test_cache):
    """A base image for applications, made by mmdebstrap."""
    folder = test_cache / "base-image"
    if not (folder / "index.json").exists():
        command_line.succeed("builder", "base", folder)
    return f"oci:{folder}"


@pytest.fixture(scope="session")
def pushed(command_line, stack, registry, base_layout):
    """The stack's reference in the registry, application images included."""
    reference = f"{registry}/e2e/sklearn:latest"
    command_line.succeed("push", stack, reference, "--base-image", base_layout)
    return reference
