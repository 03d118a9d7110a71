"""The interpreter that works on a layer while it is built: of the layer's version, if need be."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.spec.names import LayerKind
from ocistacks.tree.python_archive import unpack_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocistacks.digests import Digest
    from ocistacks.request.model import BuildRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """An interpreter that runs on the builder's machine; ``minor`` is its version, ``3.13``."""

    path: Path
    minor: str


def interpreter_for(
    request: BuildRequest,
    *,
    tree: Path,
    build_python: Digest | None,
    material: Callable[[Digest], Path],
    work: Path,
) -> Interpreter:
    """Return the interpreter that lays out wheels and compiles bytecode for ``request``.

    ``build_python`` is the archive of a Python of the same version for the builder's machine, None
    where the layer's own runs there; a runtime's own lies in ``tree``. A request that runs no
    Python of its version is content with the one that runs this.

    Raises:
        UnsafeContentError: the archive holds what must not be unpacked.
    """
    minor = request.python.minor
    archive = build_python or request.python.digest
    if not request.runs_python or archive is None:
        return Interpreter(path=Path(sys.executable), minor="{}.{}".format(*sys.version_info))
    if build_python is None and request.kind is LayerKind.RUNTIME:
        folder = tree
    else:
        folder = work / "python"
        unpack_python(material(archive), folder, interpreter=f"bin/python{minor}")
    return Interpreter(path=folder / "bin" / f"python{minor}", minor=minor)
