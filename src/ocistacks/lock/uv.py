"""uv as a process: the one place that runs it to resolve."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import tomli_w
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from ocistacks.errors import LockError, UnresolvedError
from ocistacks.lock.project import PROJECT_PREFIX, environment_markers
from ocistacks.lock.stand_in_python import write_stand_in
from ocistacks.redaction import without_secrets
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec

_WIDEST_LINE = "10000"
"""In characters: uv breaks its lines at the terminal's width, wherever that falls."""
_HIDDEN_VARIABLES = frozenset(
    {
        "CONDA_PREFIX",
        "UV_EXCLUDE_NEWER",  # the project holds what is in force, in a form without local time
        "UV_FROZEN",
        "UV_LOCKED",
        "UV_MANAGED_PYTHON",
        "UV_PROJECT",
        "UV_PYTHON",
        "UV_PYTHON_PREFERENCE",
        "UV_WORKING_DIR",
        "UV_WORKING_DIRECTORY",
        "VIRTUAL_ENV",
    }
)
_PREFIXED = re.compile(r"^\s*(error|warning|cause):\s*")
_UNSOLVABLE = "No solution found"
_WHEEL_REQUIRED = re.compile(r"hint: Wheels are required for `([^`]+)`")
_IGNORED_SETTINGS = "during settings discovery"
"""uv only warns of a setting that it does not know, and then ignores all others with it."""
_NO_NEWS = (
    "Using CPython ",
    "Resolved ",
    "hint: The resolution failed for an environment that is not the current",
)
_OWN_PROJECT = "your project"
_PROJECT = re.compile(rf"\b{PROJECT_PREFIX}[A-Za-z0-9-]+-x\b")
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_LONGEST_LINE = 500
_FIRST_LINES, _LAST_LINES = 10, 20
"""What is shown of a long explanation: it ends with what follows from it all."""


class UnsolvableError(UnresolvedError):
    """There is no set of packages that fits; ``packages`` are those that uv has sdists of alone."""


def resolve(
    project: Mapping[str, Any],
    *,
    layer: LayerSpec,
    folder: Path,
    environment: Mapping[str, str],
    preferred: str | None,
    upgrade_packages: Sequence[str] = (),
    refresh: bool = False,
) -> str:
    """Resolve a layer's project for all its platforms and return uv's pylock text.

    ``folder`` is an empty folder to work in. ``preferred`` is a `uv.lock` whose versions are kept
    where they fit, but for ``upgrade_packages``. With ``refresh``, the indexes are asked for what
    uv has in its cache.

    Raises:
        UnsolvableError: uv finds no solution.
        LockError: no index answers, or uv refuses its settings.
    """
    (folder / "pyproject.toml").write_bytes(tomli_w.dumps(project).encode())
    if preferred is not None:
        (folder / "uv.lock").write_text(preferred, encoding="utf-8")
    python = write_stand_in(folder, runtime_of(layer).python_version)
    upgrades = [part for name in upgrade_packages for part in ("--upgrade-package", name)]
    refreshed = ["--refresh"] if refresh else []
    locked = _run(
        ["lock", "--python", str(python), "--no-python-downloads", *upgrades, *refreshed],
        folder,
        environment,
    )
    if locked.returncode != 0 or _IGNORED_SETTINGS in locked.stderr:
        raise _failure(project, layer, locked.stderr)
    exported = _run(
        ["export", "--frozen", "--format", "pylock.toml", "--no-emit-project", "--no-header"],
        folder,
        environment,
    )
    if exported.returncode != 0:
        raise _failure(project, layer, exported.stderr)
    return exported.stdout


def pin(
    project: Mapping[str, Any], *, layer: LayerSpec, folder: Path, environment: Mapping[str, str]
) -> str:
    """Return uv's pylock text for a project's own requirements, without what these depend on.

    uv then reads what the indexes say and opens no package, neither wheel nor sdist.

    Raises:
        UnsolvableError: uv finds no solution.
        LockError: no index answers, or uv refuses its settings.
    """
    (folder / "pyproject.toml").write_bytes(tomli_w.dumps(project).encode())
    compiled = _run(
        [
            *("pip", "compile", "pyproject.toml", "--universal", "--no-deps", "--no-header"),
            *("--format", "pylock.toml", "--no-python-downloads"),
            *("--python", sys.executable, "--python-version", runtime_of(layer).python_minor),
        ],
        folder,
        environment,
    )
    if compiled.returncode != 0 or _IGNORED_SETTINGS in compiled.stderr:
        raise _failure(project, layer, compiled.stderr)
    return compiled.stdout


def _run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_uv_bin(), *arguments, "--no-managed-python", "--no-progress", "--color", "never"],
        cwd=folder,
        env={
            **{key: value for key, value in environment.items() if key not in _HIDDEN_VARIABLES},
            "COLUMNS": _WIDEST_LINE,
        },
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _failure(project: Mapping[str, Any], layer: LayerSpec, stderr: str) -> LockError:
    layer_name, platforms = layer.environment_name, environment_markers(layer)
    constraints = project["tool"]["uv"].get("constraint-dependencies", ())
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
    packages = tuple(dict.fromkeys(map(canonicalize_name, _WHEEL_REQUIRED.findall(stderr))))
    return UnsolvableError(
        f"Layer {layer_name} cannot be locked: uv finds no set of packages for it.",
        packages=packages,
        where=f"layer {layer_name}",
        found=told,
        expected=f"a wheel of every package for {', '.join(platforms)}{within}",
        hint="build the missing wheels: ocistacks wheels SPEC; or relax the requirement"
        if packages
        else "relax the requirement, narrow the layer's platforms, or add an index that has the "
        "wheels",
    )


def _told_by_uv(stderr: str, layer_name: str, platforms: Mapping[Platform, str]) -> str:
    """Return what uv said, in the words of the specification."""
    for platform, marker in platforms.items():
        stderr = stderr.replace(f"split (markers: {marker})", platform)
        stderr = stderr.replace(f"`{marker}`", platform)
    stderr = _PROJECT.sub(f"layer {layer_name}", stderr)
    stderr = stderr.replace(_OWN_PROJECT, f"layer {layer_name}")
    lines = [_PREFIXED.sub("", line).strip() for line in stderr.splitlines()]
    told = [_shortened(without_secrets(line)) for line in lines if line and _is_news(line)]
    if (left_out := len(told) - _FIRST_LINES - _LAST_LINES) > 0:
        told[_FIRST_LINES:-_LAST_LINES] = [f"... {left_out} more lines ..."]
    return "\n    ".join(told) or "no word from uv"


def _is_news(line: str) -> bool:
    return not line.startswith(_NO_NEWS)


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
