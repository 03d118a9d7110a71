"""One machine makes Python and pushes it; another one takes the same bytes from the registry."""

import json
import shutil
from pathlib import Path

import pytest
from oras.client import OrasClient

SPEC = """
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []

[tool.ocistacks.python_sources."3.13.5".{platform}]
url = "oci://{reference}"
sha256 = "{sha256}"
"""


@pytest.fixture
def spec(command_line, stack, registry, tmp_path):
    """A stack whose Python lies in the registry, as another tool pushed it."""
    metadata = stack.parent / "requirements" / "cpython-3.13" / "pylock.cpython-3_13.meta.json"
    ((platform, pin),) = json.loads(metadata.read_text())["ocistacks"]["python"].items()
    archive = tmp_path / "python.tar.zst"
    shutil.copy(_blob(command_line, pin["sha256"]), archive)
    reference = f"{registry}/tools/cpython:3.13.5"
    OrasClient(insecure=True).push(reference, files=[str(archive)], disable_path_validation=True)
    path = tmp_path / "venvstacks.toml"
    path.write_text(SPEC.format(platform=platform, reference=reference, sha256=pin["sha256"]))
    return path


def test_a_lock_and_a_build_take_it_from_there(spec, fresh_command_line):
    fresh_command_line.succeed("lock", spec)
    metadata = spec.parent / "requirements" / "cpython-3.13" / "pylock.cpython-3_13.meta.json"
    ((_platform, pin),) = json.loads(metadata.read_text())["ocistacks"]["python"].items()
    assert pin["url"].startswith("oci://")

    _blob(fresh_command_line, pin["sha256"]).unlink()
    assert "cpython-3.13" in fresh_command_line.succeed("build", spec)

    answer = fresh_command_line.run("build", spec, OCISTACKS_STORE=str(spec.parent / "another"))
    assert answer.returncode == 0, answer.stderr
    python = spec.parent / "_build" / "cpython-3.13" / "bin" / "python"
    assert python.exists()


def _blob(command_line, hexadecimal):
    return Path(command_line.environment["OCISTACKS_STORE"]) / "blobs" / "sha256" / hexadecimal
