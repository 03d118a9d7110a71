"""The comparison with venvstacks names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "venvstacks.md"
NAMED = re.compile(r"`((?:unit|property|integration|e2e)/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_page_names_exists():
    named = NAMED.findall(PAGE.read_text())
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^def {name}\(", _text(ROOT / "tests" / file), re.MULTILINE)
    ]
    assert missing == []


def test_every_row_of_a_comparison_names_a_test_or_says_that_it_is_no_part():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    silent = [row for row in rows if not NAMED.search(row) and "not taken" not in row]
    assert silent == []


def _text(path):
    return path.read_text() if path.is_file() else ""
