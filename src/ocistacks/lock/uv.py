"""uv as a process: the one place that runs it to resolve."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import tomli_w
from uv import find_uv_bin

from ocistacks.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_HIDDEN_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT", "UV_WORKING_DIRECTORY")
_PREFIXED = re.compile(r"^\s*(error|warning):\s*")


def resolve(
    project: Mapping[str, Any],
    *,
    layer_name: str,
    python_minor: str,
    folder: Path,
    pylock: Path,
    environment: Mapping[str, str],
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    options: Sequence[str] = (),
) -> str:
    """Resolve a layer's project for all its platforms and return uv's pylock text.

    What is pinned in the file at ``pylock`` is kept where it still fits, unless ``upgrade`` says
    otherwise; the file itself is not changed. ``folder`` is an empty folder to work in. The
    interpreter that uv is given does not matter: the project's minor version does.

    Raises:
        LockError: uv finds no solution, no index answers, or it refuses its settings.
    """
    (folder / "pyproject.toml").write_bytes(tomli_w.dumps(project).encode())
    output = folder / "pylock.toml"
    if pylock.exists():
        output.write_bytes(pylock.read_bytes())
    command = [
        *(find_uv_bin(), "pip", "compile", "pyproject.toml"),
        *("--universal", "--format", "pylock.toml", "--output-file", str(output)),
        *("--python", sys.executable, "--python-version", python_minor, "--no-python-downloads"),
        *("--no-header", "--quiet", "--color", "never", *options),
        *(("--upgrade",) if upgrade else ()),
        *(part for name in upgrade_packages for part in ("--upgrade-package", name)),
    ]
    finished = subprocess.run(
        command,
        cwd=folder,
        env={key: value for key, value in environment.items() if key not in _HIDDEN_VARIABLES},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise LockError(
            f"Layer {layer_name} cannot be locked: uv finds no set of packages for it.",
            where=f"layer {layer_name}",
            found=_told_by_uv(finished.stderr),
            expected="a wheel of every package for each of the layer's platforms",
            hint="relax the requirement, narrow the layer's platforms, or add an index "
            "that has the wheels",
        )
    return output.read_text()


def _told_by_uv(stderr: str) -> str:
    lines = [_PREFIXED.sub("", line).strip() for line in stderr.splitlines()]
    return "\n    ".join(line for line in lines if line) or "no word from uv"
