"""Building layers again from their requests alone, to see what bytes they give."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.builder.layer_task import layer_task
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, OcistacksError
from ocistacks.request.model import LAYER_FORMAT
from ocistacks.store.fetch import fetch_materials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.builder.task import Builder, BuilderFactory
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.request.materials import Material
    from ocistacks.request.model import BuildRequest
    from ocistacks.store.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuild:
    """A request, and where its materials can be had; those of the store are taken from there."""

    request: BuildRequest
    materials: tuple[Material, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildOptions:
    """How layers are built; ``jobs`` is the number of processes and threads within one build."""

    environment: Mapping[str, str]
    jobs: int


def rebuild_layers(
    layers: Sequence[Rebuild],
    *,
    store: Store,
    open_builder: BuilderFactory,
    options: RebuildOptions,
    reporter: Reporter,
) -> Mapping[Digest, Digest | OcistacksError]:
    """Build ``layers``, whatever the store has of them; keep nothing but their materials.

    Returns:
        By input digest, the digest of the blob that came of it, or why none did.

    Raises:
        EngineError: there is no builder.
    """
    if not layers:
        return {}
    with open_builder() as builder, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        builder.prepare("builder")

        def run(layer: Rebuild) -> Digest | OcistacksError:
            try:
                python = _build_python(layer, layers, builder.platform)
                return _rebuild(layer, python, builder, store, options, reporter)
            except OcistacksError as error:
                return error

        jobs = {layer.request.input_digest: pool.submit(run, layer) for layer in layers}
        try:
            return {input_digest: job.result() for input_digest, job in jobs.items()}
        except (KeyboardInterrupt, SystemExit):
            builder.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _rebuild(
    layer: Rebuild,
    python: Material | None,
    builder: Builder,
    store: Store,
    options: RebuildOptions,
    reporter: Reporter,
) -> Digest:
    request = layer.request
    if request.layer_format != LAYER_FORMAT:
        raise BuildError(
            "This ocistacks builds other bytes of such a request.",
            where=f"layer {request.install_target}",
            found=f"layer format {request.layer_format}",
            expected=f"layer format {LAYER_FORMAT}",
            hint="rebuild with a release of ocistacks that has the layer's format",
        )
    materials = layer.materials if python is None else (*layer.materials, python)
    fetch_materials(store, materials, environment=options.environment, reporter=reporter)
    build_python = None if python is None else python.digest
    task = layer_task(request, jobs=options.jobs, build_python=build_python)
    with (
        reporter.task(f"rebuild {request.install_target}", unit="steps") as shown,
        store.new_blob() as output,
    ):
        builder.run(task, output=output, on_step=lambda _line: shown.advance(1))
        return Digest.of_file(output)


def _build_python(layer: Rebuild, layers: Sequence[Rebuild], machine: Platform) -> Material | None:
    """Return the Python that works in the place of one for another platform, None for its own.

    It is one of those that the other layers were built with: any of the same version will do.
    """
    request = layer.request
    if request.platform == machine or not request.runs_python:
        return None
    for other in layers:
        python = other.request.python
        if other.request.platform == machine and python.version == request.python.version:
            for material in other.materials:
                if material.digest == python.digest:
                    return material
    raise BuildError(
        "A layer for another platform cannot be built again on this machine.",
        where=f"layer {request.install_target}, {request.platform}",
        found=f"no Python {request.python.version} for {machine} among the stack's layers",
        hint=f"rebuild on {request.platform}",
    )
