"""The two files by which tools written for venvstacks deploy a layer.

``share/venv/metadata/venvstacks_layer.json`` has venvstacks 0.8's keys and meaning.
``postinstall.py`` is what such tools run after unpacking; a layer of ours works without it, so
it only checks that the layers beside it are there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ocistacks.spec.names import LayerKind
from ocistacks.tree.environment import site_packages_name
from ocistacks.tree.run_paths import LINKS_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.request.model import BuildRequest

CONFIGURATION_FILE = "share/venv/metadata/venvstacks_layer.json"
POSTINSTALL_FILE = "postinstall.py"

_POSTINSTALL = '''"""Checks that this layer has its siblings; there is nothing to install."""

import json
import sys
from pathlib import Path


def main():
    layer = Path(__file__).resolve().parent
    path = layer / "share/venv/metadata/venvstacks_layer.json"
    configuration = json.loads(path.read_text(encoding="utf-8"))
    needed = [configuration["base_python"], *configuration["pylib_dirs"]]
    missing = [name for name in needed if not (layer / name).exists()]
    if missing:
        sys.exit(f"{layer.name} needs beside it: " + ", ".join(missing))


if __name__ == "__main__":
    main()
'''


def write_layer_configuration(tree: Path, request: BuildRequest) -> None:
    """Write the layer's configuration and its ``postinstall.py`` into ``tree``."""
    path = tree / CONFIGURATION_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(layer_configuration(request), indent=2, sort_keys=True)
    path.write_text(text + "\n")
    (tree / POSTINSTALL_FILE).write_text(_POSTINSTALL)


def layer_configuration(request: BuildRequest) -> dict[str, object]:
    """Return the layer's configuration; all paths are relative to the layer's folder."""
    minor = request.python.minor
    executable = f"bin/python{minor}"
    if request.kind is LayerKind.RUNTIME:
        python = base_python = executable
    else:
        python, base_python = "bin/python", f"../{request.lower_targets[-1]}/{executable}"
    configuration: dict[str, object] = {
        "python": python,
        "py_version": request.python.version,
        "base_python": base_python,
        "site_dir": site_packages_name(minor),
        "pylib_dirs": [
            f"../{target}/{site_packages_name(minor)}" for target in request.lower_targets
        ],
        "dynlib_dirs": [f"../{target}/{LINKS_FOLDER}" for target in request.lower_targets],
    }
    if request.modules is not None:
        configuration["launch_module"] = request.modules.launch_module
    return configuration
