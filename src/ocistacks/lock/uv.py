"""uv as a process: the one place that runs it to resolve."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import tomli_w
from packaging.requirements import Requirement
from uv import find_uv_bin

from ocistacks.errors import LockError
from ocistacks.http_session import without_secrets
from ocistacks.lock.project import PROJECT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.platforms import Platform

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
_IGNORED_SETTINGS = "during settings discovery"
"""uv only warns of a setting that it does not know, and then ignores all others with it."""
_NO_NEWS = ("Resolved ", "hint: The resolution failed for an environment that is not the current")
_PROJECT = re.compile(rf"\b{PROJECT_PREFIX}[A-Za-z0-9-]+-x\b")
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_LONGEST_LINE = 500


def resolve(
    project: Mapping[str, Any],
    *,
    layer_name: str,
    platforms: Mapping[Platform, str],
    python_minor: str,
    folder: Path,
    pylock: Path,
    environment: Mapping[str, str],
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
) -> str:
    """Resolve a layer's project for all its platforms and return uv's pylock text.

    What is pinned in the file at ``pylock`` is kept where it still fits, unless ``upgrade`` says
    otherwise; the file itself is not changed. ``folder`` is an empty folder to work in.
    ``platforms`` are the layer's, with the marker that uv knows each by. The interpreter that uv
    is given does not matter: the project's minor version does.

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
        *("--no-header", "--no-progress", "--color", "never"),
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
    if finished.returncode != 0 or _IGNORED_SETTINGS in finished.stderr:
        constraints = project["tool"]["uv"].get("constraint-dependencies", ())
        raise _failure(layer_name, platforms, constraints, finished.stderr)
    return output.read_text(encoding="utf-8")


def _failure(
    layer_name: str, platforms: Mapping[Platform, str], constraints: Sequence[str], stderr: str
) -> LockError:
    if _IGNORED_SETTINGS in stderr:
        return LockError(
            f"Layer {layer_name} cannot be locked: uv does not understand its settings.",
            where="[tool.uv] or venvstacks.uv.toml",
            found=_told_by_uv(stderr.partition("\n\n")[0], layer_name, platforms),
            hint="correct the setting; uv would go on without any of them",
        )
    told = _told_by_uv(stderr, layer_name, platforms)
    if _UNSOLVABLE not in stderr:
        return LockError(
            f"Layer {layer_name} cannot be locked: uv fails.",
            where=f"layer {layer_name}",
            found=told,
            hint="check the settings of uv, its indexes and their credentials, and the network",
        )
    named = [text for text in constraints if Requirement(text).name in _NAME.findall(told)]
    within = f", within {', '.join(named)} (layers below, constraint-dependencies)" if named else ""
    return LockError(
        f"Layer {layer_name} cannot be locked: uv finds no set of packages for it.",
        where=f"layer {layer_name}",
        found=told,
        expected=f"a wheel of every package for {', '.join(platforms)}{within}",
        hint="relax the requirement, narrow the layer's platforms, or add an index "
        "that has the wheels",
    )


def _told_by_uv(stderr: str, layer_name: str, platforms: Mapping[Platform, str]) -> str:
    """Return what uv said, in the words of the specification."""
    for platform, marker in platforms.items():
        stderr = stderr.replace(f"split (markers: {marker})", platform)
        stderr = stderr.replace(f"`{marker}`", platform)
    stderr = _PROJECT.sub(f"layer {layer_name}", stderr)
    lines = [_PREFIXED.sub("", line).strip() for line in stderr.splitlines()]
    told = [_shortened(without_secrets(line)) for line in lines if line and _is_news(line)]
    return "\n    ".join(told) or "no word from uv"


def _is_news(line: str) -> bool:
    return not line.startswith(_NO_NEWS)


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
