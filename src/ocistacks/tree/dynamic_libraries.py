"""Shared libraries that wheels bring: offered to other layers, and found by what needs them.

`share/venv/dynlib/` has a link to each library, as venvstacks has it. Its wrapper script puts those
folders on LD_LIBRARY_PATH; here each file that needs a library of another package has them in its
run path, so that the loader finds it however Python is started.
"""

from __future__ import annotations

import mmap
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ocistacks.digests import Digest
from ocistacks.errors import BuildError
from ocistacks.tree.elf import read_shared_object
from ocistacks.tree.library_clashes import refuse_clashes
from ocistacks.tree.patchelf import find_patchelf, set_run_path
from ocistacks.tree.path_patterns import matches_end
from ocistacks.tree.run_paths import (
    LINKS_FOLDER,
    PLATFORM_LIBRARIES,
    LayerLibraries,
    is_copy,
    missing_folders,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ocistacks.request.model import BuildRequest
    from ocistacks.tree.elf import SharedObject

_LINUX_NAME: Final = re.compile(r".+\.so(\.\d\w*)*")
_MACOS_NAME: Final = re.compile(r".+\.(so|dylib)")

# The tags of PEP 3149 and of the stable ABI, whichever interpreter a module is for.
_MODULE_NAME: Final = re.compile(r".+\.(cpython|pypy|graalpy|abi\d)[^.]*\.so")


def add_dynamic_libraries(
    tree: Path, request: BuildRequest, installed: Iterable[str], *, jobs: int
) -> tuple[Path, ...]:
    """Link the shared libraries of a layer, let its files find them, and return those rewritten.

    ``installed`` are the files that wheels have put into ``tree``, relative to it. A file that
    finds all it needs stays as it is. Windows has no such links, and macOS no run paths that could
    be changed without a new signature.

    Raises:
        BuildError: two libraries have the same name, or a file cannot be changed.
    """
    if request.platform.is_windows:
        return ()
    if request.platform.is_macos:
        libraries = [path for path in sorted(installed) if _is_macos_library(tree, path)]
        _link(tree, _offered(tree, request, libraries))
        return ()
    objects = _shared_objects(tree, request, installed)
    links = _offered(
        tree, request, [path for path, found in objects.items() if _is_library(path, found)]
    )
    _link(tree, links)
    layer = LayerLibraries(
        install_target=request.install_target,
        lower_targets=request.lower_targets,
        folders=_folders(objects),
        links=links,
    )
    missing = {path: missing_folders(path, found, layer) for path, found in objects.items()}
    wanted = {path: (*objects[path].run_path, *more) for path, more in missing.items() if more}
    _refuse_unspeakable(request, missing)
    if wanted:
        program = find_patchelf()

        def rewrite(path: str) -> None:
            inherited = objects[path].inherited
            set_run_path(tree / path, wanted[path], inherited=inherited, program=program)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(rewrite, wanted))
    return tuple(tree / path for path in wanted)


def _shared_objects(
    tree: Path, request: BuildRequest, installed: Iterable[str]
) -> dict[str, SharedObject]:
    found = {}
    for path in sorted(installed):
        if _LINUX_NAME.fullmatch(PurePosixPath(path).name):
            shared_object = read_shared_object(tree / path, request.platform)
            if shared_object is not None:
                found[path] = shared_object
    return found


def _is_library(path: str, found: SharedObject) -> bool:
    name = PurePosixPath(path).name
    is_module = _MODULE_NAME.fullmatch(name) or (name.endswith(".so") and found.is_module)
    return not (is_module or name in PLATFORM_LIBRARIES or is_copy(path))


def _is_macos_library(tree: Path, path: str) -> bool:
    name = PurePosixPath(path).name
    if not _MACOS_NAME.fullmatch(name) or _MODULE_NAME.fullmatch(name):
        return False
    return name.endswith(".dylib") or not _names_module(tree / path)


def _names_module(path: Path) -> bool:
    """Whether a Mach-O file has the symbol by which Python imports it under its file's name."""
    symbol = os.fsencode(f"_PyInit_{path.name.partition('.')[0]}\0")
    if path.stat().st_size == 0:
        return False
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(symbol) != -1


def _offered(tree: Path, request: BuildRequest, libraries: Iterable[str]) -> dict[str, str]:
    """Return name -> path of the libraries that the layer offers to others."""
    places: dict[str, list[str]] = {}
    for path in libraries:
        shown = f"{request.install_target}/{path}"
        if not any(matches_end(shown, pattern) for pattern in request.dynlib_exclude):
            places.setdefault(PurePosixPath(path).name, []).append(path)
    clashes = {name: paths for name, paths in places.items() if not _is_same(tree, paths)}
    refuse_clashes(request, clashes)
    return {name: paths[0] for name, paths in places.items()}


def _is_same(tree: Path, paths: Sequence[str]) -> bool:
    return len(paths) == 1 or len({Digest.of_file(tree / path) for path in paths}) == 1


def _link(tree: Path, links: Mapping[str, str]) -> None:
    for name, path in links.items():
        link = tree / LINKS_FOLDER / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"{'../' * (LINKS_FOLDER.count('/') + 1)}{path}")


def _folders(paths: Iterable[str]) -> dict[str, frozenset[str]]:
    folders: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(name, set()).add(folder)
    return {name: frozenset(found) for name, found in folders.items()}


def _refuse_unspeakable(request: BuildRequest, missing: Mapping[str, Sequence[str]]) -> None:
    """Raise BuildError where a folder's name would have another meaning in a run path."""
    for path, entries in missing.items():
        for entry in entries:
            if ":" in entry or "$" in entry[1:]:
                raise BuildError(
                    "A run path cannot name a folder that a shared object needs.",
                    where=f"layer {request.install_target}, {path}",
                    found=entry,
                    expected="names without ':' and '$'",
                    hint="give the layer another name",
                )
