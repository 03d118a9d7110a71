"""`python -m ocistacks.wheels.inside`: what runs in isolation to build a wheel from an sdist.

In the working folder lies ``request.json``; the materials lie in a folder under their digests. The
wheel is written to ``wheel``, and what it is to stdout. An sdist says in its own files, and by its
own code, what its build requires (PEP 518, PEP 517): where the request lacks some of that,
``wheel`` stays empty and the answer names all of it. Nothing of an sdist is read or run elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ocistacks.builder.received import verify_material
from ocistacks.digests import Digest
from ocistacks.errors import OcistacksError
from ocistacks.wheels.backend import Backend, backend_environment, source_requirements
from ocistacks.wheels.build_environment import base_python, make_environment
from ocistacks.wheels.finish import finished_wheel
from ocistacks.wheels.model import BuiltWheel, WheelAnswer, WheelRequest
from ocistacks.wheels.source_tree import unpack_sdist

REQUEST_FILE = "request.json"
WHEEL_FILE = "wheel"
MODULE = "ocistacks.wheels.inside"


def main() -> int:
    """Build the wheel; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("materials", type=Path, help="folder of the materials")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        answer = _build(Path.cwd(), options.materials)
    except OcistacksError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(answer.model_dump_json() + "\n")
    return 0


def _build(work: Path, materials: Path) -> WheelAnswer:
    request = WheelRequest.model_validate_json((work / REQUEST_FILE).read_bytes())
    output = work / WHEEL_FILE
    output.touch()
    _say("verify materials")
    for digest in request.material_digests:
        verify_material(materials / digest.hex, digest)

    def material(digest: Digest) -> Path:
        return materials / digest.hex

    _say("unpack the sdist")
    source = unpack_sdist(material(request.sdist.digest), request.sdist.filename, work / "source")
    known = set(request.requirements)
    static = source_requirements(source)
    if not known.issuperset(static):
        return WheelAnswer(requirements=tuple(sorted(static)))
    _say("make the build environment")
    base = base_python(request, material=material, work=work)
    python = make_environment(request, base, material=material, work=work)
    backend = Backend(
        source=source,
        python=python,
        config_settings=request.config_settings,
        environment={**backend_environment(python, work), **request.variables},
    )
    _say("ask the build backend for its requirements")
    needed = static | backend.requirements()
    if not known.issuperset(needed):
        return WheelAnswer(requirements=tuple(sorted(needed)))
    _say("build the wheel")
    wheel = finished_wheel(backend.build(work / "built"), request, output, work)
    return WheelAnswer(
        wheel=BuiltWheel(filename=wheel, digest=Digest.of_file(output), size=output.stat().st_size)
    )


def _say(step: str) -> None:
    sys.stderr.write(f"{step}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
