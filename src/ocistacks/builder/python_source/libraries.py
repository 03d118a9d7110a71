"""Shared libraries that travel inside the runtime, and the run paths by which they are found.

Which libraries: the closure that the dynamic loader itself reports (ldd(1)) for every ELF file,
less glibc's own, which must match the loader of the machine. Where: `lib/`. How they are found:
DT_RPATH relative to `$ORIGIN` (ld.so(8)), so that a LD_LIBRARY_PATH of the machine, which is
searched after DT_RPATH but before DT_RUNPATH, does not bring in another OpenSSL.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.builder.python_source.processes import ToolRunner

_ELF_MAGIC: Final = b"\x7fELF"

_GLIBC: Final = re.compile(
    r"(?:ld-linux[\w-]*|libBrokenLocale|libanl|libc|libc_malloc_debug|libdl|libm|libmvec"
    r"|libnss_\w+|libpthread|libresolv|librt|libthread_db|libutil|linux-(?:vdso|gate))\.so\.\d+"
)

_FOUND: Final = re.compile(r"\s+(?P<name>\S+) => (?P<path>/.+) \(0x[0-9a-f]+\)")
_MISSING: Final = re.compile(r"\s+(?P<name>\S+) => not found")
_HEADING: Final = re.compile(r"(?P<file>/.+):")


@dataclass(frozen=True, kw_only=True, slots=True)
class Linkage:
    """What one ELF file needs in the end: each library's name, and where the loader finds it."""

    file: Path
    libraries: Mapping[str, Path]
    missing: tuple[str, ...]


def bundle_libraries(tree: Path, runner: ToolRunner) -> tuple[str, ...]:
    """Copy what the ELF files of ``tree`` need into its `lib/`, and set their run paths.

    Returns the names of the copied libraries, sorted. Raises BuildError where a needed library is
    not on this machine.
    """
    files = elf_files(tree)
    runner.run(
        "strip the runtime's debug symbols",
        ["strip", "--strip-unneeded", *map(os.fspath, files)],
        folder=tree,
    )
    linkages = _linkages(files, tree, runner)
    _refuse_missing(linkages)
    library_folder = tree / "lib"
    sources = {name: path for linkage in linkages for name, path in linkage.libraries.items()}
    copies = [_copy(sources[name], library_folder / name) for name in sorted(sources)]
    for linkage in (*linkages, *_linkages(copies, tree, runner)):
        if linkage.libraries:
            path = run_path(linkage.file, library_folder)
            command = ["patchelf", "--force-rpath", "--set-rpath", path, os.fspath(linkage.file)]
            runner.run("set a run path", command, folder=tree)
    return tuple(sorted(sources))


def elf_files(tree: Path) -> list[Path]:
    """Return the executables and shared objects below ``tree``, sorted."""
    return sorted(
        path
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink() and _is_elf(path)
    )


def run_path(file: Path, library_folder: Path) -> str:
    """Return the run path, `$ORIGIN/../..`, by which ``file`` finds ``library_folder``."""
    relative = os.path.relpath(library_folder, file.parent)
    return "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"


def parse_ldd(output: str, files: Iterable[Path]) -> list[Linkage]:
    """Read what ldd(1) prints for ``files``; it heads each list by the file if there are several.

    glibc's own libraries are left out. A file that needs none at all has an empty list.
    """
    heading = ""
    found: dict[str, dict[str, Path]] = {os.fspath(file): {} for file in files}
    missing: dict[str, list[str]] = {name: [] for name in found}
    if len(found) == 1:
        heading = next(iter(found))
    for line in output.splitlines():
        if match := _HEADING.fullmatch(line):
            heading = match["file"]
        elif match := _FOUND.fullmatch(line):
            if not _GLIBC.fullmatch(match["name"]):
                found[heading][match["name"]] = Path(match["path"])
        elif match := _MISSING.fullmatch(line):
            missing[heading].append(match["name"])
    return [
        Linkage(file=Path(name), libraries=libraries, missing=tuple(missing[name]))
        for name, libraries in found.items()
    ]


def _linkages(files: list[Path], tree: Path, runner: ToolRunner) -> list[Linkage]:
    if not files:
        return []
    command = ["ldd", *map(os.fspath, files)]
    return parse_ldd(runner.read("list shared libraries", command, folder=tree), files)


def _refuse_missing(linkages: Iterable[Linkage]) -> None:
    lines = [
        f"{linkage.file.name} needs {name}" for linkage in linkages for name in linkage.missing
    ]
    if lines:
        raise BuildError(
            "The runtime needs shared libraries that are not on this machine.",
            found=", ".join(lines),
            hint="build in the image of Containerfile.builder's target python-source",
        )


def _copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    target.chmod(0o755)
    return target


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF_MAGIC)) == _ELF_MAGIC
