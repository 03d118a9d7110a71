"""Precompiled bytecode that is the same wherever and however it is compiled."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ocistacks.errors import BuildError

_SCRIPT = Path(__file__).with_name("compile_bytecode.py")


def compile_bytecode(tree: Path, folder: str, install_target: str, python: Path, jobs: int) -> None:
    """Compile every Python file below ``tree/folder`` with the interpreter ``python``.

    ``jobs`` processes work at a time; the result does not depend on their number.

    Raises:
        BuildError: the interpreter fails.
    """
    finished = subprocess.run(
        [
            # Not -I, which has the hash seed ignored. Bytecode that is just being written is not
            # imported: what a process has read must not depend on how far the others are.
            *(str(python), "-S", "-s", "-B", "-W", "ignore", "-X", "utf8"),
            *("-X", f"pycache_prefix={tree}/nowhere"),
            *(str(_SCRIPT), str(tree), folder, install_target, str(jobs)),
        ],
        env={"PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise BuildError(
            "The layer's bytecode cannot be compiled.",
            where=f"layer {install_target}",
            found=finished.stderr.strip()[-2000:] or f"exit code {finished.returncode}",
            hint="set bytecode = false in [tool.ocistacks] to build the layer without",
        )
