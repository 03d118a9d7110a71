"""What is run to make CPython, and with which environment: decided here, run elsewhere.

The recipe is that of a release without profile-guided optimisation, because a profile differs from
run to run and the archive must not. Configure's options: CPython's "Configure Python" page.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.builder.python_source.unpacking import SourceTree

RECORDED_PREFIX: Final = "/python-prefix"
"""What the build believes to be installed at; no word of it occurs in any other path."""

REQUIRED_TOOLS: Final = ("gcc", "ldd", "make", "patchelf", "pkg-config", "strip")

REQUIRED_MODULES: Final = (
    "_bz2",
    "_ctypes",
    "_curses",
    "_curses_panel",
    "_decimal",
    "_hashlib",
    "_lzma",
    "_socket",
    "_sqlite3",
    "_ssl",
    "_uuid",
    "multiprocessing.synchronize",
    "pyexpat",
    "readline",
    "zlib",
)
"""Modules that CPython's build leaves out without an error where a header is missing."""

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build_environment(source: SourceTree, home: Path) -> dict[str, str]:
    """Return the whole environment of every step; nothing of the caller's reaches a byte."""
    return {
        "HOME": os.fspath(home),
        "LC_ALL": "C",
        "PATH": SYSTEM_PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(source.epoch),
        "TMPDIR": os.fspath(home),
        "TZ": "UTC",
    }


def configure_command() -> list[str]:
    """Return the command that is run in the source folder, which makes every path relative.

    What configure is told is recorded in `sysconfig`, so nothing of this machine stands in it.
    Without `-g` in OPT no object holds the folder's path, and there is less to link and strip. A
    build id would be a hash over what `strip` and `patchelf` change afterwards.
    """
    return [
        "./configure",
        f"--prefix={RECORDED_PREFIX}",
        "--disable-shared",
        "--without-static-libpython",
        "--disable-test-modules",
        "--with-ensurepip=no",
        "--with-system-libmpdec=no",
        "--with-readline=readline",
        "OPT=-DNDEBUG -fwrapv -O3 -Wall",
        "LDFLAGS_NODIST=-Wl,--build-id=none",
    ]


def compile_command(jobs: int) -> list[str]:
    """Return the command that compiles with ``jobs`` processes."""
    return ["make", f"--jobs={jobs}"]


def install_command(destination: Path) -> list[str]:
    """Return the command that installs below ``destination``.

    Bytecode is the layer's business: `-h` keeps compileall from writing three sets of it, which
    would be thrown away.
    """
    return ["make", "install", f"DESTDIR={destination}", "COMPILEALL_OPTS=-h"]


def import_check(modules: tuple[str, ...] = REQUIRED_MODULES) -> str:
    """Return a Python program that prints a line for each module that cannot be imported."""
    return (
        "import importlib\n"
        f"for name in {modules!r}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        print(f'{name}: {error}')\n"
    )
