"""Run by a layer's own interpreter: compiles all Python files below TREE/lib.

    python -I -S -B compile_bytecode.py TREE INSTALL_TARGET JOBS

What marshal writes depends on which objects are alive in the process (it marks objects that have
more than one reference), and so on what was compiled before. Therefore each file is compiled in a
process of its own, forked from one that has compiled nothing. The code objects hold the path below
the install target; the import system puts the real one in its place. Only the standard library is
imported, and as little of it as can be.
"""

import os
import py_compile
import sys
from collections.abc import Iterator

_SYNTAX_FAULT = 3


def _sources(top: str) -> Iterator[str]:
    with os.scandir(top) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    yield from _sources(entry.path)
            elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                yield entry.path


def _compile(path: str, shown: str) -> int:
    try:
        py_compile.compile(
            path,
            dfile=shown,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError):
        return _SYNTAX_FAULT  # a template, or code for another Python: imported by nobody
    return 0


def main(tree: str, install_target: str, jobs: int) -> None:
    """Compile the tree with ``jobs`` processes at a time; exit with a message on failure."""
    os.umask(0o022)
    sys.setrecursionlimit(10_000)
    running: dict[int, str] = {}
    for path in _sources(f"{tree}/lib"):
        if len(running) >= jobs:
            _wait(running)
        shown = install_target + path[len(tree) :]
        child = os.fork()
        if child == 0:
            os._exit(_compile(path, shown))
        running[child] = path
    while running:
        _wait(running)


def _wait(running: dict[int, str]) -> None:
    child, status = os.wait()
    path = running.pop(child)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, _SYNTAX_FAULT):
        sys.exit(f"compiling {path} ended with exit code {code}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
