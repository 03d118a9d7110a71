"""uv as a process: the one place that runs it to resolve."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import tomli_w
from uv import find_uv_bin

from ocistacks.errors import LockError
from ocistacks.http_session import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_HIDDEN_VARIABLES = frozenset(
    {
        "CONDA_PREFIX",
        "UV_EXCLUDE_NEWER",  # the project holds what is in force, in a form without local time
        "UV_PROJECT",
        "UV_WORKING_DIRECTORY",
        "VIRTUAL_ENV",
    }
)
_PREFIXED = re.compile(r"^\s*(error|warning|cause):\s*")
_OUTPUT = "pylock.toml"
_UNSOLVABLE = "No solution found"


def resolve(
    project: Mapping[str, Any],
    *,
    layer_name: str,
    platforms: Sequence[str],
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
    output = folder / _OUTPUT
    if pylock.exists():
        output.write_bytes(pylock.read_bytes())
    command = [
        *(find_uv_bin(), "pip", "compile", "pyproject.toml"),
        *("--universal", "--format", "pylock.toml", "--output-file", _OUTPUT),
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
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if finished.returncode != 0:
        raise _failure(layer_name, platforms, finished.stderr)
    return output.read_text(encoding="utf-8")


def _failure(layer_name: str, platforms: Sequence[str], stderr: str) -> LockError:
    if _UNSOLVABLE not in stderr:
        return LockError(
            f"Layer {layer_name} cannot be locked: uv fails.",
            where=f"layer {layer_name}",
            found=_told_by_uv(stderr),
            hint="check the settings of uv, its indexes and their credentials, and the network",
        )
    return LockError(
        f"Layer {layer_name} cannot be locked: uv finds no set of packages for it.",
        where=f"layer {layer_name}",
        found=_told_by_uv(stderr),
        expected=f"a wheel of every package for {', '.join(platforms)}",
        hint="relax the requirement, narrow the layer's platforms, or add an index "
        "that has the wheels",
    )


def _told_by_uv(stderr: str) -> str:
    lines = [_PREFIXED.sub("", line).strip() for line in stderr.splitlines()]
    return "\n    ".join(without_secrets(line) for line in lines if line) or "no word from uv"
