"""Taking the build's paths out of what `make install` recorded.

The build believes in `RECORDED_PREFIX`; where the runtime really lies is found out when it is
asked for: by `_sysconfigdata` from `sys.base_prefix`, by pkg-config from the `.pc` file's own
folder, by `python3-config` from its own. The Makefile in `config-*` keeps the recorded prefix:
only its variables are ever read, and `sysconfig` takes those from `_sysconfigdata`.
"""

from __future__ import annotations

import ast
import os
import pprint
import re
from typing import TYPE_CHECKING, Final

from ocistacks.builder.python_source.recipe import RECORDED_PREFIX
from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

RECORDED_SOURCE: Final = "/python-source"
"""What stands for the source folder wherever its path was recorded."""

_PC_PREFIX: Final = re.compile(rf"^(exec_)?prefix={re.escape(RECORDED_PREFIX)}$", re.MULTILINE)

_SYSCONFIG_MODULE: Final = """\
# system configuration generated and used by the sysconfig module
import sys

_recorded = {variables}


def _moved(value):
    if isinstance(value, str):
        return value.replace({prefix!r}, sys.base_prefix)
    return value


build_time_vars = {{name: _moved(value) for name, value in _recorded.items()}}
"""


def relocate(tree: Path, minor: str, source_folder: Path) -> None:
    """Rewrite, in the runtime ``tree`` of Python ``minor``, each file that holds a build path.

    ``source_folder`` is where it was compiled. Raises BuildError where a file that the recipe
    expects is not there or looks different.
    """
    library = tree / "lib" / f"python{minor}"
    for path in _required(library, "_sysconfigdata_*.py"):
        _rewrite(path, sysconfig_module(path.read_text(encoding="utf-8"), os.fspath(source_folder)))
    for path in _required(library, "config-*/Makefile"):
        text = path.read_text(encoding="utf-8")
        _rewrite(path, text.replace(os.fspath(source_folder), RECORDED_SOURCE))
    for path in _required(tree / "lib" / "pkgconfig", "*.pc"):
        if not path.is_symlink():
            _rewrite(path, pkgconfig_file(path.read_text(encoding="utf-8")))


def sysconfig_module(text: str, source_folder: str) -> str:
    """Return the `_sysconfigdata` module that computes its paths from `sys.base_prefix`.

    ``text`` is the generated module: one assignment of a literal dict to `build_time_vars`. It is
    parsed and printed again, because the printer's line breaks follow the length of the paths.
    """
    variables = {
        name: value.replace(source_folder, RECORDED_SOURCE) if isinstance(value, str) else value
        for name, value in _build_time_variables(text).items()
    }
    return _SYSCONFIG_MODULE.format(variables=pprint.pformat(variables), prefix=RECORDED_PREFIX)


def pkgconfig_file(text: str) -> str:
    """Return a `.pc` file (pkg-config(1)) whose prefix follows the file."""
    return _PC_PREFIX.sub(r"\1prefix=${pcfiledir}/../..", text)


def refuse_leaked_paths(tree: Path, folders: Iterable[Path]) -> None:
    """Raise BuildError that names the files of ``tree`` in which one of ``folders`` stands."""
    needles = [os.fsencode(folder) for folder in folders]
    leaking = sorted(
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink() and _holds(path, needles)
    )
    if leaking:
        raise BuildError(
            "The runtime still holds paths of the folder that it was built in.",
            found=", ".join(leaking[:10]),
            expected="no such path: the archive must not depend on where it was built",
            hint="this release needs another recipe; please report it",
        )


def _holds(path: Path, needles: Iterable[bytes]) -> bool:
    content = path.read_bytes()
    return any(needle in content for needle in needles)


def _build_time_variables(text: str) -> Mapping[str, object]:
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and [
            target.id for target in statement.targets if isinstance(target, ast.Name)
        ] == ["build_time_vars"]:
            variables: dict[str, object] = ast.literal_eval(statement.value)
            return variables
    raise _unexpected("_sysconfigdata", "no assignment to build_time_vars")


def _required(folder: Path, pattern: str) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise _unexpected(f"{folder.name}/{pattern}", "no such file")
    return paths


def _unexpected(where: str, found: str) -> BuildError:
    return BuildError(
        "The installed CPython is not laid out as the recipe knows it.",
        where=where,
        found=found,
        hint="this release needs another recipe; please report it",
    )


def _rewrite(path: Path, text: str) -> None:
    # A file that make installed without write permission is replaced, not written to.
    path.unlink()
    path.write_text(text, encoding="utf-8")
