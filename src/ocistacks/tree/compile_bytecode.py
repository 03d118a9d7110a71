"""Run by an interpreter of a layer's version: compiles all Python files below TREE/FOLDER.

    python -S -s -B compile_bytecode.py TREE FOLDER INSTALL_TARGET JOBS

What the compiler and marshal write depends on which strings are alive in the process, and so on
what was compiled before. Two things keep that out of the bytes:

- Files are compiled in groups that depend on the tree alone, each group in a process that is forked
  from one which has compiled nothing. So the bytes are a function of the tree, whatever the number
  of processes, and whatever a Python version may do that is not known here.
- Within a group the strings of a file are brought to the same state before it is marshalled
  (``compiled``). So a file that changes does not change the bytecode of others.

The code objects hold the path below the install target; the import system puts the real one in its
place. As little of the standard library is imported as can be: forking takes longer the more memory
there is.
"""

import importlib.util
import marshal
import os
import sys
from types import CodeType

# PEP 552: the pyc has a hash of the source, and the import system does not look at the source.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
# Large enough that forking does not count, small enough that all processes end at about one time.
_GROUP_SIZE = 16


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
    """Return the content of the pyc of a source file that tracebacks are to call ``shown``.

    marshal marks an object that has more than one reference, and a string may be alive elsewhere:
    each is held once more here. The compiler shares a constant set between functions unless one of
    its strings was alive before: a file with such sets is compiled again while they are.
    """
    code = compile(source, shown, "exec", dont_inherit=True)
    strings, sets = _held(code)
    if len(set(sets)) < len(sets):
        code = compile(source, shown, "exec", dont_inherit=True)
        strings += _held(code)[0]
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _held(code: CodeType) -> tuple[list[str], list[frozenset[object]]]:
    """Return the strings of a code object and the sets among its constants, however deep."""
    strings: list[str] = []
    sets: list[frozenset[object]] = []
    codes = [code]
    for one in codes:
        strings += (one.co_name, getattr(one, "co_qualname", ""), one.co_filename)
        for names in (one.co_names, one.co_varnames, one.co_cellvars, one.co_freevars):
            strings += names
        constants = list(one.co_consts)
        for constant in constants:
            if isinstance(constant, str):
                strings.append(constant)
            elif isinstance(constant, CodeType):
                codes.append(constant)
            elif isinstance(constant, (tuple, frozenset)):
                constants += constant
                if isinstance(constant, frozenset):
                    sets.append(constant)
    return strings, sets


def _compile(path: str, shown: str) -> None:
    with open(path, "rb") as stream:  # noqa: PTH123 - pathlib would make each fork slower
        source = stream.read()
    try:
        content = compiled(source, shown)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # a template, or code for another Python: imported by nobody
    folder, name = os.path.split(path)
    folder += "/__pycache__"
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
    stem, _, _ = name.rpartition(".")
    target = f"{folder}/{stem}.{sys.implementation.cache_tag}.pyc"
    with open(target, "xb") as stream:  # noqa: PTH123 - as above
        stream.write(content)


def main(tree: str, folder: str, install_target: str, jobs: int) -> None:
    """Compile the tree with ``jobs`` processes at a time; exit with a message on failure."""
    os.umask(0o022)
    sys.setrecursionlimit(10_000)
    sources = sorted(_sources(f"{tree}/{folder}"))
    running: dict[int, str] = {}
    for start in range(0, len(sources), _GROUP_SIZE):
        if len(running) >= jobs:
            _wait(running)
        child = os.fork()
        if child == 0:
            for path in sources[start : start + _GROUP_SIZE]:
                _compile(path, install_target + path[len(tree) :])
            os._exit(0)
        running[child] = sources[start]
    while running:
        _wait(running)


def _wait(running: dict[int, str]) -> None:
    child, status = os.wait()
    path = running.pop(child)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"compiling {path} and the files behind it ended with exit code {code}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
