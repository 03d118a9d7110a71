"""What `ocistacks show` writes, and where."""

import json

import pytest
from typer.testing import CliRunner

from ocistacks.cli.main import app

STACK = """
[[runtimes]]
name = "py"
fully_versioned_name = "cpython@3.13.5"
requirements = []
[[frameworks]]
name = "f"
versioned = true
runtime = "py"
requirements = []
[[applications]]
name = "off"
frameworks = ["f"]
requirements = []
launch_module = "gone.py"
platforms = []
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "venvstacks.toml"
    path.write_text(STACK)
    return path


def test_layers_are_told_and_warnings_stand_beside_them(spec):
    result = CliRunner().invoke(app, ["show", str(spec)])
    assert result.exit_code == 0
    assert result.stdout == (
        f"{spec}\n"
        "  runtimes\n"
        "    *py  (it was never locked)\n"
        "  frameworks\n"
        "    *framework-f -> framework-f@???  (it was never locked)\n"
        "      *py\n"
        "  applications\n"
    )
    assert result.stderr == (
        "warning: runtimes[0].fully_versioned_name: this field is deprecated: its name is "
        "python_implementation now\n"
    )


def test_json_has_the_keys_of_venvstacks_sorted(spec):
    result = CliRunner().invoke(app, ["show", "--json", str(spec)])
    runtime = {
        "has_valid_lock": False,
        "install_target": "py",
        "name": "py",
        "selected_operations": None,
    }
    framework = {
        "dependencies": [runtime],
        "has_valid_lock": False,
        "install_target": "framework-f@???",
        "name": "framework-f",
        "selected_operations": None,
    }
    expected = {
        "applications": [],
        "frameworks": [framework],
        "runtimes": [runtime],
        "spec_name": str(spec),
    }
    assert result.stdout == json.dumps(expected, indent=2) + "\n"
