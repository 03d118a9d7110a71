"""What makes a folder of packages an environment that finds its Python and the layers below.

On CPython up to 3.13 a ``pyvenv.cfg`` without ``home``, beside a relative symlink to the
runtime's interpreter, gives an environment that works wherever the folders lie side by side:
getpath takes the prefix of the environment from the file's place, and that of the runtime from
where the link leads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import BuildError
from ocistacks.spec.names import LayerKind
from ocistacks.tree.layout import tree_layout

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.request.model import BuildRequest

_NEWEST_MINOR = 13
_CHAIN_MODULE = "sitecustomize.py"

_CHAIN = '''"""Lets this layer import from the layers below it, wherever they lie side by side."""

import os
import site

_LOWER_LAYERS = {names}


def _add_lower_layers():
    # The folder as it is named on sys.path comes first: the layers may be reached through links.
    packages = os.path.dirname(os.path.abspath(__file__))
    for found in (packages, os.path.realpath(packages)):
        layers = os.path.normpath(os.path.join(found, {up!r}))
        folders = [os.path.join(layers, name, {site_packages!r}) for name in _LOWER_LAYERS]
        if all(map(os.path.isdir, folders)):
            break
    for folder in folders:
        site.addsitedir(folder)


_add_lower_layers()
'''


def require_known_environment(request: BuildRequest) -> None:
    """Raise BuildError where the Python version needs an environment of an unknown kind."""
    minor = request.python.minor
    if request.kind is not LayerKind.RUNTIME and int(minor.split(".")[1]) > _NEWEST_MINOR:
        raise BuildError(
            f"Layers above a runtime cannot be built for Python {minor} yet.",
            where=f"layer {request.install_target}",
            expected=f"Python 3.{_NEWEST_MINOR} or older",
            hint="choose an older python_implementation for the runtime",
        )


def reserved_names(request: BuildRequest) -> tuple[str, ...]:
    """Return the files, relative to the tree, that no wheel may bring: the layer has its own."""
    layout = tree_layout(request.platform, request.python.minor)
    if request.kind is LayerKind.RUNTIME:
        return layout.interpreters
    chain = f"{layout.site_packages}/{_CHAIN_MODULE}"
    return (*layout.environment_interpreters, "pyvenv.cfg", chain)


def name_interpreter(tree: Path, request: BuildRequest) -> None:
    """Give a runtime's interpreter the names under which other tools look for it.

    Windows has no links: an archive for it brings all names.
    """
    if request.platform.is_windows:
        return
    for name in ("python", "python3"):
        path = tree / "bin" / name
        if not path.exists():
            path.symlink_to(f"python{request.python.minor}")


def write_environment(tree: Path, request: BuildRequest) -> None:
    """Make ``tree`` an environment on the runtime and above the frameworks of ``request``.

    This is for Linux and macOS; see ``windows_environment`` for the other way.
    """
    minor = request.python.minor
    layout = tree_layout(request.platform, minor)
    runtime = request.lower_targets[-1]
    (tree / "pyvenv.cfg").write_text(
        f"include-system-site-packages = false\nversion = {request.python.version}\n"
    )
    scripts = tree / "bin"
    scripts.mkdir(exist_ok=True)
    (scripts / "python").symlink_to(f"../../{runtime}/bin/python{minor}")
    for name in ("python3", f"python{minor}"):
        (scripts / name).symlink_to("python")
    site_packages = tree / layout.site_packages
    site_packages.mkdir(parents=True, exist_ok=True)
    (site_packages / _CHAIN_MODULE).write_text(
        _CHAIN.format(
            names=repr(request.lower_targets),
            up="../" * (layout.site_packages.count("/") + 2),
            site_packages=layout.site_packages,
        )
    )
