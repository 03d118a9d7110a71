"""The demo: everything through an image layout on disk, without engine and registry."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_demo(folder, environment):
    """Run a copy of the example: locks that `make demo` left pin a Python of another store."""
    examples = folder / "examples"
    if not examples.exists():
        shutil.copytree(
            ROOT / "examples", examples, ignore=shutil.ignore_patterns("requirements", "_*")
        )
    finished = subprocess.run(
        [sys.executable, examples / "demo.py", folder],
        env={**os.environ, **environment, "DOCKER_HOST": "unix:///nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def test_demo_ends_with_the_result_and_does_nothing_twice(tmp_path, command_line):
    first = run_demo(tmp_path, command_line.environment)
    assert "oci:" in first
    assert "MB are shared" in first
    assert "Everything was there already" not in first
    assert first.rstrip().endswith("unseen digits read correctly")

    second = run_demo(tmp_path, command_line.environment)
    assert "Everything was there already: nothing was built, sent or fetched again." in second
    assert second.rstrip().endswith("unseen digits read correctly")
