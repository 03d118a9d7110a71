"""Run by an interpreter of a layer's version: compiles all Python files below TREE/FOLDER.

    python -S -s -B compile_bytecode.py TREE FOLDER INSTALL_TARGET JOBS

What the compiler and marshal write depends on which objects are alive in the process (constants
that were seen before are shared, objects with more than one reference are marked), and so on what
was compiled before. Therefore each file is compiled in a process of its own, forked from one that
has compiled nothing. The code objects hold the path below the install target; the import system
puts the real one in its place. As little of the standard library is imported as can be: forking
takes longer the more memory there is.
"""

import importlib.util
import marshal
import os
import sys

_SYNTAX_FAULT = 3
# PEP 552: the pyc has a hash of the source, and the import system does not look at the source.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def _sources(top: str) -> list[str]:
    found = []
    with os.scandir(top) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    found += _sources(entry.path)
            elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                found.append(entry.path)
    return found


def compiled(source: bytes, shown: str) -> bytes:
    """Return the content of the pyc of a source file that tracebacks are to call ``shown``."""
    code = compile(source, shown, "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _compile(path: str, shown: str) -> int:
    with open(path, "rb") as stream:  # noqa: PTH123 - pathlib would make each fork slower
        source = stream.read()
    try:
        content = compiled(source, shown)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _SYNTAX_FAULT  # a template, or code for another Python: imported by nobody
    folder, name = os.path.split(path)
    folder += "/__pycache__"
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
    stem, _, _ = name.rpartition(".")
    target = f"{folder}/{stem}.{sys.implementation.cache_tag}.pyc"
    with open(target, "xb") as stream:  # noqa: PTH123 - as above
        stream.write(content)
    return 0


def main(tree: str, folder: str, install_target: str, jobs: int) -> None:
    """Compile the tree with ``jobs`` processes at a time; exit with a message on failure."""
    os.umask(0o022)
    sys.setrecursionlimit(10_000)
    running: dict[int, str] = {}
    for path in _sources(f"{tree}/{folder}"):
        if len(running) >= jobs:
            _wait(running)
        child = os.fork()
        if child == 0:
            os._exit(_compile(path, install_target + path[len(tree) :]))
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
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
