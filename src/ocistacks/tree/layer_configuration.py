"""The two files by which tools written for venvstacks deploy a layer.

``share/venv/metadata/venvstacks_layer.json`` has venvstacks 0.8's keys and meaning.
``postinstall.py`` is what such tools run after unpacking, with any Python; a layer of ours works
without it, so it only checks that the layers beside it are there, and writes nothing. On Windows
it is needed (see ``windows_environment``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ocistacks.spec.names import LayerKind
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.windows_environment import windows_postinstall

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.request.model import BuildRequest

CONFIGURATION_FILE = "share/venv/metadata/venvstacks_layer.json"
POSTINSTALL_FILE = "postinstall.py"

_POSTINSTALL = '''"""Checks that this layer has its siblings; there is nothing to install."""

import json
import os
import sys


def missing_beside(layer):
    path = os.path.join(layer, "share", "venv", "metadata", "venvstacks_layer.json")
    with open(path, encoding="utf-8") as stream:
        configuration = json.load(stream)
    needed = [configuration["base_python"], *configuration["pylib_dirs"]]
    places = {name: os.path.normpath(os.path.join(layer, name)) for name in needed}
    return [name for name, place in places.items() if not os.path.exists(place)]


def main():
    # The layer may be reached through a link: siblings lie beside the link, or beside the layer.
    here = os.path.dirname(os.path.abspath(__file__))
    real = os.path.realpath(here)
    missing = missing_beside(here) and missing_beside(real)
    if missing:
        sys.exit(os.path.basename(here) + " needs beside it: " + ", ".join(missing))


if __name__ == "__main__":
    main()
'''


def write_layer_configuration(tree: Path, request: BuildRequest) -> None:
    """Write the layer's configuration and its ``postinstall.py`` into ``tree``."""
    path = tree / CONFIGURATION_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(layer_configuration(request), indent=2, sort_keys=True)
    path.write_text(text + "\n")
    postinstall = windows_postinstall() if request.platform.is_windows else _POSTINSTALL
    (tree / POSTINSTALL_FILE).write_text(postinstall)


def layer_configuration(request: BuildRequest) -> dict[str, object]:
    """Return the layer's configuration.

    All paths are relative to the layer's folder, in the notation of its platform. They name what
    venvstacks 0.8 names: the interpreter without its version, and the folders of all layers below,
    nearest first, whether or not such a layer has shared libraries.
    """
    layout = tree_layout(request.platform, request.python.minor)
    python = base_python = layout.interpreters[0]
    if request.kind is not LayerKind.RUNTIME:
        python = layout.environment_interpreters[0]
        base_python = f"../{request.lower_targets[-1]}/{base_python}"
    below = [f"../{target}/" for target in request.lower_targets]
    notation = _backslashes if request.platform.is_windows else str
    configuration: dict[str, object] = {
        "python": notation(python),
        "py_version": request.python.version,
        "base_python": notation(base_python),
        "site_dir": notation(layout.site_packages),
        "pylib_dirs": [notation(layer + layout.site_packages) for layer in below],
        "dynlib_dirs": [notation(layer + layout.shared_libraries) for layer in below],
    }
    if request.modules is not None:
        configuration["launch_module"] = request.modules.launch_module
    return configuration


def _backslashes(path: str) -> str:
    return path.replace("/", "\\")
