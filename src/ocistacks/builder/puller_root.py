"""The puller image's root folder: an interpreter, its libraries and what `ocistacks pull` imports.

Runs while the image is built, in the stage ``puller-root`` of Containerfile.builder, and takes
everything from there: the image has no shell, no package manager and no source files.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = "opt/ocistacks/packages"
SOURCE = "opt/ocistacks/source"
_COMMAND = "usr/bin/ocistacks"
_LOADER_CACHE = Path("/etc/ld.so.cache")
_LEFT_OUT_OF_PYTHON = (
    *("__pycache__", "config-*", "dist-packages", "site-packages", "ensurepip", "idlelib"),
    *("lib2to3", "pydoc_data", "test", "tests", "tkinter", "turtle*", "unittest", "venv"),
    *("curses", "dbm", "distutils", "sqlite3", "wsgiref", "xmlrpc"),
    *("_codecs_*.so", "_crypt*.so", "_curses*.so", "_dbm*.so", "_gdbm*.so", "_sqlite3*.so"),
    *("_test*.so", "_tkinter*.so", "_xx*.so", "nis*.so", "readline*.so", "xx*.so"),
)
_LEFT_OUT_OF_PACKAGES = (
    *("__pycache__", "bin", "*.pyi", "py.typed", "tests"),
    # zstandard's other backend, and pydantic's former version.
    *("_cffi*.so", "backend_cffi.py", "v1"),
)
_FILES = {
    # A user with a line of its own; any other uid will do.
    "etc/passwd": "root:x:0:0::/:\nnonroot:x:65532:65532::/tmp:\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def collect(root: Path, packages: Path, source: Path) -> None:
    """Fill ``root`` with the running interpreter, ``packages`` and ``source``.

    Raises:
        OSError, subprocess.CalledProcessError: a tool is missing or fails; the image's build ends.
    """
    standard_library = Path(os.__file__).parent
    interpreter = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to the one below a venv
    _copy_tree(standard_library, root / standard_library.relative_to("/"), _LEFT_OUT_OF_PYTHON)
    _copy_tree(packages, root / PACKAGES, _LEFT_OUT_OF_PACKAGES)
    _copy_tree(source, root / SOURCE, ("__pycache__",))
    _compile(root)
    program = _copy_file(interpreter, root)
    modules = sorted(root.rglob("*.so"))
    needed = {library for each in (program, *modules) for library in libraries(_ldd(each))}
    copied = [_copy_file(library, root) for library in sorted(needed)]
    # Not the loader, whose symbols debuggers and sanitizers look for.
    shared = [path for path in copied if not path.name.startswith("ld-")]
    subprocess.run(["strip", "--strip-unneeded", program, *modules, *shared], check=True)
    if _LOADER_CACHE.exists():
        _copy_file(
            _LOADER_CACHE, root
        )  # libpython may lie where the loader does not look by itself
    for name, text in _FILES.items():
        _write(root / name, text)
    if _LOADER_CACHE.exists():
        _copy_file(
            _LOADER_CACHE, root
        )  # libpython may lie where the loader does not look by itself
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    _write(root / _COMMAND, command(interpreter))
    (root / _COMMAND).chmod(0o755)


def command(interpreter: Path) -> str:
    """Return the program `ocistacks`: only this image's modules, whatever the environment says."""
    return (
        f"#!{interpreter} -IBS\n"
        "import sys\n"
        f"sys.path += ['/{PACKAGES}', '/{SOURCE}']\n"
        "from ocistacks.cli.main import main\n"
        "main()\n"
    )


def libraries(told: str) -> list[Path]:
    """Return the shared libraries, the loader among them, that `ldd` tells of."""
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", told, re.MULTILINE)]


def _ldd(program: Path) -> str:
    finished = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    if "not found" in finished.stdout:
        raise FileNotFoundError(f"{program} needs what is not there:\n{finished.stdout}")
    return finished.stdout


def _copy_tree(source: Path, target: Path, left_out: tuple[str, ...]) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*left_out))


def _copy_file(path: Path, root: Path) -> Path:
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
    return target


def _compile(root: Path) -> None:
    """Leave compiled modules in the place of sources: half the size, and no start compiles them."""
    compiled = compileall.compile_dir(
        root,
        quiet=2,
        legacy=True,
        stripdir=str(root),
        prependdir="/",
    )
    if not compiled:
        raise OSError("a module of the puller image cannot be compiled")
    for path in root.rglob("*.py"):
        path.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    collect(*map(Path, sys.argv[1:]))
