"""Where things lie in a layer's tree: as Python lays itself out on Linux and macOS, or on Windows.

The folders are those of CPython's installation schemes ``posix_venv`` and ``nt_venv`` (sysconfig),
which the prebuilt archives of python-build-standalone have too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.tree.run_paths import LINKS_FOLDER

if TYPE_CHECKING:
    from ocistacks.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeLayout:
    """Places relative to a layer's tree, with ``/`` between folders.

    ``library`` is the folder of all Python code; ``headers`` has a folder for each package that
    brings some; ``shared_libraries`` is where layers above look for such. ``script_suffix`` is what
    the file of an entry point has after its name. ``interpreters`` are the names of a runtime's
    interpreter, the plainest first; ``versioned_interpreter`` tells Pythons apart, where one does;
    ``environment_interpreters`` are those in a layer above one.
    """

    library: str
    site_packages: str
    scripts: str
    script_suffix: str
    headers: str
    shared_libraries: str
    interpreters: tuple[str, ...]
    versioned_interpreter: str
    environment_interpreters: tuple[str, ...]


def tree_layout(platform: Platform, python_minor: str) -> TreeLayout:
    """Return where things lie in the trees of a platform; ``python_minor`` is ``3.13``."""
    if platform.is_windows:
        return TreeLayout(
            library="Lib",
            site_packages="Lib/site-packages",
            scripts="Scripts",
            script_suffix=".exe",
            headers=f"Include/site/python{python_minor}",
            shared_libraries="Library/bin",
            interpreters=("python.exe", "pythonw.exe"),
            versioned_interpreter="python.exe",
            environment_interpreters=("Scripts/python.exe", "Scripts/pythonw.exe"),
        )
    interpreters = ("bin/python", "bin/python3", f"bin/python{python_minor}")
    return TreeLayout(
        library="lib",
        site_packages=f"lib/python{python_minor}/site-packages",
        scripts="bin",
        script_suffix="",
        headers=f"include/site/python{python_minor}",
        shared_libraries=LINKS_FOLDER,
        interpreters=interpreters,
        versioned_interpreter=interpreters[-1],
        environment_interpreters=interpreters,
    )
