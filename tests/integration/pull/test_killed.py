"""kill -9 at a hundred random moments of pull, push and cleaning."""

import json
import subprocess
import sys
from pathlib import Path

TURNS = 34
# So many of the turns must have met the work before it was done, or the test shows nothing.
FEWEST = 15


def test_a_store_and_a_registry_after_kills(registry, tmp_path):
    """After each kill the store is sound and the command succeeds (see killing.py)."""
    script = Path(__file__).with_name("killing.py")

    done = subprocess.run(
        [sys.executable, script, tmp_path, registry, str(TURNS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    kills = json.loads(done.stdout)
    assert all(number >= FEWEST for number in kills.values()), kills
