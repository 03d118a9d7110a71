"""What makes a folder of packages an environment on Windows: most is written after unpacking.

The launcher in ``Scripts`` finds its Python through ``home`` in ``pyvenv.cfg``, which is an
absolute path. So neither that file nor what chains the layers is in the blob: ``postinstall.py``
writes both where the layer lies, as that of venvstacks does.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.python_archive import unpack_python

if TYPE_CHECKING:
    from ocistacks.request.model import BuildRequest

_POSTINSTALL = Path(__file__).with_name("windows_postinstall.py")
_LAUNCHERS = "Lib/venv/scripts/nt"
# As CPython names the launchers since 3.13, and before.
_LAUNCHER_NAMES = {
    "Scripts/python.exe": ("venvlauncher.exe", "python.exe"),
    "Scripts/pythonw.exe": ("venvwlauncher.exe", "pythonw.exe"),
}


def windows_postinstall() -> str:
    """Return the script that makes a layer an environment in the folder where it lies."""
    return _POSTINSTALL.read_text(encoding="utf-8")


def write_windows_environment(
    tree: Path, request: BuildRequest, python_archive: Path, work: Path
) -> None:
    """Give ``tree`` the launchers of virtual environments that a Python archive brings.

    ``work`` is a folder for what is needed on the way.

    Raises:
        BuildError: the archive has no launchers.
        UnsafeContentError: the archive holds what must not be unpacked.
    """
    layout = tree_layout(request.platform, request.python.minor)
    unpacked = work / "windows-python"
    unpack_python(python_archive, unpacked, interpreter=layout.versioned_interpreter)
    for name in layout.environment_interpreters:
        target = tree / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(_launcher(unpacked / _LAUNCHERS, name), target)
        target.chmod(0o755)
    (tree / layout.site_packages).mkdir(parents=True, exist_ok=True)


def _launcher(folder: Path, name: str) -> Path:
    for launcher in _LAUNCHER_NAMES[name]:
        if (folder / launcher).is_file():
            return folder / launcher
    raise BuildError(
        "The Python archive has no launcher for environments.",
        where=f"{_LAUNCHERS}, for {name}",
        found=", ".join(sorted(path.name for path in folder.glob("*.exe"))) or "no .exe",
        expected=" or ".join(_LAUNCHER_NAMES[name]),
        hint="name a complete archive in [tool.ocistacks.python_sources]",
    )
