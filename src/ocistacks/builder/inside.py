"""`python -m ocistacks.builder.inside`: what runs in isolation to build a layer.

In the working folder lies ``request.json``; the materials lie in a folder under their digests. The
layer's blob is written to ``blob``, and what it is to stdout. It is the same code in every builder.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from ocistacks.blob.pack import pack_tree
from ocistacks.builder.received import verify_material
from ocistacks.digests import Digest
from ocistacks.errors import OcistacksError
from ocistacks.request.model import BuildRequest
from ocistacks.tree.assemble import assemble_tree

REQUEST_FILE = "request.json"
BLOB_FILE = "blob"
BUILD_PYTHON_OPTION = "--build-python"
MODULE = "ocistacks.builder.inside"


def main() -> int:
    """Build the layer; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}")
    parser.add_argument("materials", type=Path, help="folder of the materials")
    parser.add_argument("jobs", type=int, help="processes and threads at a time")
    parser.add_argument(
        BUILD_PYTHON_OPTION,
        type=Digest.from_hex,
        help="the SHA-256 of the Python archive to work with, where the layer's own is for another "
        "machine",
    )
    options = parser.parse_args()
    os.umask(0o022)
    gc.disable()  # the process ends with the layer, and makes no cycles of any size before
    try:
        blob = _build(Path.cwd(), options.materials, options.jobs, options.build_python)
    except OcistacksError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(blob + "\n")
    return 0


def _build(work: Path, materials: Path, jobs: int, build_python: Digest | None) -> str:
    request = BuildRequest.model_validate_json((work / REQUEST_FILE).read_bytes())
    _say("verify materials")
    extra = () if build_python is None else (build_python,)
    for digest in (*request.material_digests, *extra):
        verify_material(materials / digest.hex, digest)
    build = work / "build"
    build.mkdir()
    tree = assemble_tree(
        request,
        material=lambda digest: materials / digest.hex,
        work=build,
        jobs=jobs,
        report=_say,
        build_python=build_python,
    )
    _say("pack")
    with (work / BLOB_FILE).open("wb") as output:
        blob = pack_tree(
            tree,
            request.install_target,
            output,
            compression=request.compression,
            level=request.compression_level,
            threads=jobs,
        )
    return blob.model_dump_json()


def _say(step: str) -> None:
    sys.stderr.write(f"{step}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
