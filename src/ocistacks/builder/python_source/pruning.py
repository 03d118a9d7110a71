"""What an installed CPython holds that a runtime does not need, or that cannot be moved."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT_PATTERNS: Final = ("idle*", "pydoc*", "2to3*", "pip*", "easy_install*")
"""Their first line names the interpreter's absolute path."""

_LIBRARY_PATTERNS: Final = (
    "**/__pycache__",
    "test",
    "*/test",
    "*/tests",
    "*/idle_test",
    "config-*/libpython*.a",
    "config-*/python.o",
    "config-*/python-config.py",
)
"""Below `lib/pythonX.Y`: bytecode, tests, what links an interpreter, a script with a fixed path."""

_EMBEDDING_PATTERNS: Final = ("libpython*.a", "pkgconfig/*-embed.pc")
"""Below `lib`: what embeds an interpreter; the runtime has no libpython to link to."""

_TK_PACKAGES: Final = ("idlelib", "turtledemo")


def prune(tree: Path, minor: str) -> None:
    """Delete from the runtime ``tree`` of Python ``minor`` ("3.13") what it does not need.

    `idlelib` and `turtledemo` stay where `_tkinter` was built. `tkinter` and `turtle` stay in any
    case: they say themselves that `_tkinter` is missing.
    """
    library = tree / "lib" / f"python{minor}"
    unwanted = [path for pattern in _SCRIPT_PATTERNS for path in (tree / "bin").glob(pattern)]
    unwanted += [path for pattern in _LIBRARY_PATTERNS for path in library.glob(pattern)]
    unwanted += [path for pattern in _EMBEDDING_PATTERNS for path in (tree / "lib").glob(pattern)]
    if not any((library / "lib-dynload").glob("_tkinter.*")):
        unwanted += [library / name for name in _TK_PACKAGES]
    for path in unwanted:
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
