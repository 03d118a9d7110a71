"""Console scripts that run wherever the tree lies.

Installers write the interpreter's absolute path into a script's first line. Here the script finds
the interpreter beside itself: it starts as a shell script, whose second line is a string to Python.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.request.model import ScriptInput

_DIRECT = re.compile(rb"#!(?P<python>[^\n]+)\n")
_THROUGH_SHELL = re.compile(rb"#!/bin/sh\n'''exec' (?P<python>[^\n]+) \"\$0\" \"\$@\"\n' '''\n")
_LARGEST_SCRIPT_BYTES = 1 << 20
_LOWER_SCRIPT = """\
import sys

from {module} import {top}

if __name__ == "__main__":
    sys.exit({attribute}())
"""


def make_scripts_relocatable(folder: Path, build_python: Path, python_name: str) -> None:
    """Rewrite the scripts in ``folder`` that name ``build_python`` to use their neighbour.

    ``python_name`` is the interpreter's name in the same folder.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > _LARGEST_SCRIPT_BYTES:
            continue
        content = path.read_bytes()
        header = _interpreter_header(content, build_python)
        if header is not None:
            path.write_bytes(relocatable_header(python_name) + content[len(header) :])


def write_lower_scripts(folder: Path, scripts: Iterable[ScriptInput], python_name: str) -> None:
    """Let ``folder`` offer the console scripts of lower layers; what is there already stays.

    They run with the interpreter in that folder, and so with all that its layer can import.
    """
    for script in scripts:
        path = folder / script.name
        if path.exists() or path.is_symlink():
            continue
        content = _LOWER_SCRIPT.format(
            module=script.module,
            top=script.attribute.partition(".")[0],
            attribute=script.attribute,
        )
        path.write_bytes(relocatable_header(python_name) + content.encode())
        path.chmod(0o755)


def relocatable_header(python_name: str) -> bytes:
    """Return the lines that run a script with the interpreter in the script's own folder."""
    return (
        "#!/bin/sh\n"
        f"""'''exec' "$(dirname -- "$(realpath -- "$0")")/{python_name}" "$0" "$@"\n"""
        "' '''\n"
    ).encode()


def _interpreter_header(content: bytes, build_python: Path) -> bytes | None:
    # Scripts for another interpreter stay as their wheel has them, /usr/bin/env included.
    match = _DIRECT.match(content)
    if match and match["python"].strip() == os.fsencode(build_python):
        return match[0]
    if match := _THROUGH_SHELL.match(content):
        try:
            words = shlex.split(os.fsdecode(match["python"]))
        except ValueError:
            return None  # quotes that no installer writes
        if words == [str(build_python)]:
            return match[0]
    return None
