"""The demo: everything through an image layout on disk, without engine and registry."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_demo(folder, environment):
    finished = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py", folder],
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
