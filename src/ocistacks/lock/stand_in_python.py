"""A Python of a layer's version, as far as `uv lock` wants one.

`uv lock` refuses an interpreter of another minor version than the project's. What it writes does
not depend on the interpreter otherwise: it resolves for all platforms, and nothing is built. So uv
is given a program that answers its question as the Python does that runs ocistacks, but for the
version. A test holds the result to that of `uv lock` with a real Python of the version.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_stand_in(folder: Path, python_version: str) -> Path:
    """Write the program into ``folder`` and return its path; ``python_version`` is `3.13.5`."""
    program = folder / "python"
    command = shlex.join([sys.executable, "-I", __file__, python_version])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    return program


def _answer(python_version: str, question: list[str]) -> None:
    told = subprocess.run([sys.executable, *question], stdout=subprocess.PIPE, check=True).stdout
    answer = json.loads(told)
    answer["markers"] |= {
        "implementation_version": python_version,
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _answer(sys.argv[1], sys.argv[2:])
