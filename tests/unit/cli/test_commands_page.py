"""The page of commands is what the commands say about themselves."""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_page_of_commands_is_generated():
    told = subprocess.run(
        [
            *(sys.executable, "-m", "typer", "ocistacks.cli.main", "utils", "docs"),
            *("--name", "ocistacks", "--title", "Commands"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert PAGE.read_text() == told.stdout.rstrip() + "\n", "renew it: make docs"
