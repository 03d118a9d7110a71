"""The environment in which a package is built: the layer's Python and the build requirements."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError
from ocistacks.tree.install import InstallTarget, install_wheels
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.python_archive import unpack_python
from ocistacks.tree.wheel_files import check_wheels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.wheels.model import WheelRequest


def base_python(request: WheelRequest, *, material: Callable[[Digest], Path], work: Path) -> Path:
    """Unpack the Python of ``request`` in ``work`` and return its interpreter.

    Raises:
        BuildError: the request names no archive, or one of another Python.
        UnsafeContentError: the archive holds what must not be unpacked.
    """
    if request.python.digest is None:
        raise BuildError("A wheel cannot be built without a Python.", where=request.sdist.filename)
    folder = work / "python"
    interpreter = f"bin/python{request.python.minor}"
    unpack_python(material(request.python.digest), folder, interpreter=interpreter)
    return folder / interpreter


def make_environment(
    request: WheelRequest, base: Path, *, material: Callable[[Digest], Path], work: Path
) -> Path:
    """Make a virtual environment with the build requirements; return its interpreter.

    Raises:
        BuildError: the interpreter or uv fails, or a wheel's RECORD lies.
    """
    environment = work / "environment"
    finished = subprocess.run(
        [base, "-I", "-m", "venv", "--without-pip", environment],
        env={"PATH": os.defpath, "HOME": str(work), "TMPDIR": str(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise BuildError(
            "No virtual environment can be made to build in.",
            where=f"Python {request.python.version}",
            found=(finished.stderr or finished.stdout).strip()[-2000:],
        )
    python = environment / "bin" / "python"
    if request.build_wheels:
        contents = check_wheels(
            request.build_wheels,
            material=material,
            layout=tree_layout(request.platform, request.python.minor),
            jobs=os.cpu_count() or 1,
        )
        target = InstallTarget(
            prefix=environment,
            python=python,
            python_version=request.python.version,
            platform=request.platform,
        )
        install_wheels(request.build_wheels, contents, material=material, target=target, work=work)
    return python
