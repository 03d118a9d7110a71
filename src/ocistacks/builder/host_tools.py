"""What this machine itself lacks of what the recipe for CPython needs."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from ocistacks.builder.python_source.recipe import REQUIRED_TOOLS, SYSTEM_PATH

REQUIRED_HEADERS: Final = (
    "bzlib.h",
    "curses.h",
    "ffi.h",
    "lzma.h",
    "openssl/ssl.h",
    "readline/readline.h",
    "sqlite3.h",
    "uuid/uuid.h",
    "zlib.h",
)
"""One header of each library that a module of recipe.REQUIRED_MODULES is linked with."""


def missing_tools() -> tuple[str, ...]:
    """Return the tools of the recipe that are not on the path that it uses."""
    return tuple(tool for tool in REQUIRED_TOOLS if shutil.which(tool, path=SYSTEM_PATH) is None)


def missing_headers(compiler: str = "gcc") -> tuple[str, ...]:
    """Return the headers that ``compiler`` does not find; all of them where it does not run."""
    questions = "".join(
        f'#if !__has_include(<{header}>)\n"{header}"\n#endif\n' for header in REQUIRED_HEADERS
    )
    try:
        finished = subprocess.run(
            [compiler, "-E", "-P", "-x", "c", "-"],
            input=questions,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return REQUIRED_HEADERS
    if finished.returncode != 0:
        return REQUIRED_HEADERS
    return tuple(line.strip('"') for line in finished.stdout.splitlines() if line)
