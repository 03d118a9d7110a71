"""Makes this layer an environment in the folder where it lies; run it again when it was moved.

It writes what needs absolute paths: pyvenv.cfg, which names the Python of the runtime beside this
layer, and sitecustomize.py, which adds the layers below. Code without bytecode is compiled, if the
Python that runs this is of the layer's own version. Any Python can run it.
"""

import importlib.util
import json
import os
import py_compile
import sys
from pathlib import Path

PYVENV_CFG = """\
home = {home}
include-system-site-packages = false
version = {version}
executable = {executable}
"""

SITECUSTOMIZE = '''\
"""Lets this layer import from the layers below it; postinstall.py wrote this file."""

import os
import site

for folder in {packages!r}:
    site.addsitedir(folder)
if hasattr(os, "add_dll_directory"):
    for folder in {libraries!r}:
        os.add_dll_directory(folder)
'''


def main() -> None:
    """Read the layer's configuration and write what follows from it."""
    # Links are not resolved: the layers below lie beside the name by which this one was reached.
    layer = Path(os.path.normpath(Path(__file__).absolute().parent))
    path = layer / "share" / "venv" / "metadata" / "venvstacks_layer.json"
    configuration = json.loads(path.read_text(encoding="utf-8"))

    def place(name: str) -> Path:
        return Path(os.path.normpath(layer / name.replace("\\", "/")))

    python = place(configuration["base_python"])
    packages = [place(name) for name in configuration["pylib_dirs"]]
    # A layer without packages has no folder for them, but it has one of its own.
    below = [layer.parent / folder.relative_to(layer.parent).parts[0] for folder in packages]
    missing = [str(needed) for needed in (python, *below) if not needed.exists()]
    if missing:
        sys.exit(f"{layer.name} needs beside it: " + ", ".join(missing))
    if python != place(configuration["python"]):
        libraries = [place(name) for name in configuration["dynlib_dirs"]]
        write(
            layer / "pyvenv.cfg",
            PYVENV_CFG.format(
                home=python.parent, version=configuration["py_version"], executable=python
            ),
        )
        place(configuration["site_dir"]).mkdir(parents=True, exist_ok=True)
        write(
            place(configuration["site_dir"]) / "sitecustomize.py",
            SITECUSTOMIZE.format(
                packages=[str(folder) for folder in packages],
                # Windows refuses a folder that is not there.
                libraries=[str(folder) for folder in libraries if folder.is_dir()],
            ),
        )
    if configuration["py_version"].split(".")[:2] == list(map(str, sys.version_info[:2])):
        compile_missing(place(configuration["site_dir"]).parent)


def write(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def compile_missing(folder: Path) -> None:
    """Compile what has no bytecode; what cannot be compiled is imported by nobody.

    Not the file that was written above: its bytecode would outlive the next change of it.
    """
    for source in folder.rglob("*.py"):
        bytecode = Path(importlib.util.cache_from_source(str(source)))
        if not bytecode.exists() and source.name != "sitecustomize.py":
            py_compile.compile(
                str(source),
                quiet=2,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )


if __name__ == "__main__":
    main()
