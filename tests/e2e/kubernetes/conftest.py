"""A small stack of a real Python in the registry, and the base image that applications run on."""

import subprocess
from dataclasses import dataclass

import pytest

SPEC = """\
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "text"
runtime = "cpython-3.13"
requirements = ["idna==3.10"]

[[applications]]
name = "greeter"
launch_module = "launch/greeter.py"
frameworks = ["text"]
requirements = []

[[applications]]
name = "Second_App"
launch_module = "launch/second_app.py"
frameworks = ["text"]
requirements = []
"""
GREETER = """\
import os, sys, tempfile
import idna
word = idna.encode("b\\u00fccher").decode()
with tempfile.TemporaryFile() as file:
    file.write(b"x")
print(f"greeter: {word} {sys.argv[1:]} {os.environ.get('GREETING')} uid {os.getuid()}", flush=True)
try:
    open(os.path.join(sys.prefix, "mine"), "w")
except OSError as error:
    print("read-only:", error.strerror, flush=True)
"""


def run(*command, **options):
    """Run a tool that must succeed, and return what it printed."""
    finished = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A stack in the registry, and images beside it."""

    host: str
    stack: str
    base: str


@pytest.fixture(scope="session")
def spec(command_line, tmp_path_factory):
    """The specification of the small stack, locked."""
    folder = tmp_path_factory.mktemp("small stack")
    (folder / "launch").mkdir()
    (folder / "launch" / "greeter.py").write_text(GREETER)
    (folder / "launch" / "second_app.py").write_text("print('second')\n")
    spec = folder / "venvstacks.toml"
    spec.write_text(SPEC)
    command_line.succeed("lock", spec)
    return spec


@pytest.fixture(scope="session")
def pushed(command_line, registry, base_layout, spec):
    """The stack with application images, whose base is in the registry too."""
    base = f"{registry}/base/debian:slim"
    run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", base_layout, f"docker://{base}")
    stack = f"{registry}/team/stack:v1"
    command_line.succeed("push", spec, stack, "--base-image", base)
    return Pushed(host=registry, stack=stack, base=base)


@pytest.fixture(scope="session")
def layers_only(command_line, registry, spec):
    """The stack pushed without application images."""
    stack = f"{registry}/team/layers:v1"
    command_line.succeed("push", spec, stack, "--base-image", "none")
    return stack
