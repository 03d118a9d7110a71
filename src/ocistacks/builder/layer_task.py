"""The task that builds one layer from its request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.builder import inside
from ocistacks.builder.task import Task

if TYPE_CHECKING:
    from ocistacks.digests import Digest
    from ocistacks.request.model import BuildRequest


def layer_task(request: BuildRequest, *, jobs: int, build_python: Digest | None) -> Task:
    """Return the task; ``build_python`` is the Python that works where the layer's own does not."""
    extra = () if build_python is None else (build_python,)
    python = [word for digest in extra for word in (inside.BUILD_PYTHON_OPTION, digest.hex)]
    return Task(
        name=f"layer {request.install_target}",
        module=inside.MODULE,
        arguments=lambda materials: (materials, str(jobs), *python),
        files={inside.REQUEST_FILE: request.canonical()},
        materials=tuple(dict.fromkeys((*request.material_digests, *extra))),
        output=inside.BLOB_FILE,
    )
