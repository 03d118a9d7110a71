"""Building the layers of a stack: what was built before is not built again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from ocistacks.blob.model import Blob
from ocistacks.builder.build_python import gather_build_pythons
from ocistacks.errors import BuildError
from ocistacks.request.modules import modules_tar
from ocistacks.spec.model import ApplicationSpec
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.builder.shared_layers import FoundLayer, SharedLayers, SharedLayersFactory
    from ocistacks.builder.task import Builder, BuilderFactory
    from ocistacks.digests import Digest
    from ocistacks.lock.python_pin import PythonResolver
    from ocistacks.progress import Reporter
    from ocistacks.registry.reference import RegistryReference
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.store.store import Store

_PULLED_AT_ONCE = 4

Outcome = Literal["built", "up to date", "found"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltLayer:
    """A planned layer with its blob.

    A layer that was found has an ``origin``, from which its blob came into the store, or where it
    is if nobody needed it here. All others' blobs lie in the store.
    """

    plan: PlannedLayer
    blob: Blob
    outcome: Outcome
    origin: RegistryReference | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How layers are built; ``jobs`` is the number of processes and threads within one build.

    ``force`` builds what is there, too; without ``may_build`` what is missing is an error. Before
    it is built, what is missing is looked for in what ``open_shared`` opens; without
    ``needs_blobs`` the blobs of what is found stay there.
    """

    environment: Mapping[str, str]
    jobs: int
    force: bool = False
    may_build: bool = True
    open_shared: SharedLayersFactory | None = None
    needs_blobs: bool = True


def build_stack(
    plans: Sequence[PlannedLayer],
    *,
    store: Store,
    open_builder: BuilderFactory,
    resolve_python: PythonResolver,
    options: BuildOptions,
    reporter: Reporter,
) -> tuple[BuiltLayer, ...]:
    """Build what the store lacks, layers side by side, and return all layers in order.

    No builder is opened and nothing is fetched where all layers are there. ``resolve_python`` finds
    Pythons that run on the builder's machine, for layers whose own does not.

    Raises:
        BuildError: a layer cannot be built. The others may have been.
        DigestError: a material is not what the lock says, or a blob not what its builder said.
        TransferError: a material cannot be fetched.
    """
    present = {} if options.force else _present(store, plans)
    missing = [plan for plan in plans if plan.input_digest not in present]
    found = _found(missing, store, options)
    missing = [plan for plan in missing if plan.input_digest not in found]
    built: dict[Digest, Blob] = {}
    if missing and not options.may_build:
        raise BuildError(
            "Layers are not built yet.",
            found=", ".join(plan.request.install_target for plan in missing),
            hint="leave --no-build out",
        )
    if missing:
        _gather(missing, store, options, reporter)
        with open_builder() as builder, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            pythons = gather_build_pythons(
                missing,
                builder.platform,
                resolve_python=resolve_python,
                store=store,
                environment=options.environment,
                reporter=reporter,
            )
            builder.prepare("builder")
            jobs = {
                plan.input_digest: pool.submit(
                    _build,
                    plan,
                    builder,
                    store,
                    options,
                    reporter,
                    build_python=pythons.get(plan.input_digest),
                )
                for plan in missing
            }
            try:
                built = {digest: job.result() for digest, job in jobs.items()}
            except (KeyboardInterrupt, SystemExit):
                builder.stop()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    return tuple(_outcome(plan, built, found, present) for plan in plans)


def _outcome(
    plan: PlannedLayer,
    built: Mapping[Digest, Blob],
    found: Mapping[Digest, FoundLayer],
    present: Mapping[Digest, Blob],
) -> BuiltLayer:
    digest = plan.input_digest
    if digest in built:
        return BuiltLayer(plan=plan, blob=built[digest], outcome="built")
    if digest in found:
        layer = found[digest]
        return BuiltLayer(plan=plan, blob=layer.blob, outcome="found", origin=layer.origin)
    return BuiltLayer(plan=plan, blob=present[digest], outcome="up to date")


def read_built(store: Store, input_digest: Digest) -> Blob | None:
    """Return the blob that was built for an input digest, None if it is not in the store."""
    blob = read_record(_record(store, input_digest), Blob)
    return blob if blob is not None and store.has_blob(blob.digest) else None


def built_layers(plans: Sequence[PlannedLayer], store: Store) -> tuple[BuiltLayer, ...]:
    """Return those of the planned layers that are built, in order."""
    present = _present(store, plans)
    return tuple(
        BuiltLayer(plan=plan, blob=present[plan.input_digest], outcome="up to date")
        for plan in plans
        if plan.input_digest in present
    )


def _present(store: Store, plans: Sequence[PlannedLayer]) -> dict[Digest, Blob]:
    found = {plan.input_digest: read_built(store, plan.input_digest) for plan in plans}
    return {digest: blob for digest, blob in found.items() if blob is not None}


def _found(
    plans: Sequence[PlannedLayer], store: Store, options: BuildOptions
) -> Mapping[Digest, FoundLayer]:
    """Return the layers that need not be built; their blobs lie in the store if they are needed."""
    if not plans or options.open_shared is None or options.force:
        return {}
    with options.open_shared() as shared, ThreadPoolExecutor(_PULLED_AT_ONCE) as pool:
        found = shared.find(plans)
        if not options.needs_blobs:
            return found
        adopt = partial(_adopted, shared, store)
        adopted = pool.map(adopt, found, found.values())
        return {
            digest: layer
            for (digest, layer), is_here in zip(found.items(), adopted, strict=True)
            if is_here
        }


def _adopted(shared: SharedLayers, store: Store, input_digest: Digest, layer: FoundLayer) -> bool:
    """Bring a layer that was found into the store, as if it had been built here."""
    with store.exclusively(f"build-{input_digest.hex}"):
        if not shared.fetch(layer):
            return False
        write_record(_record(store, input_digest), layer.blob)
        return True


def _gather(
    plans: Sequence[PlannedLayer], store: Store, options: BuildOptions, reporter: Reporter
) -> None:
    fetch_materials(
        store,
        [material for plan in plans for material in plan.materials],
        environment=options.environment,
        reporter=reporter,
    )
    for plan in plans:
        modules, layer = plan.request.modules, plan.layer
        if modules is None or not isinstance(layer, ApplicationSpec):
            continue
        if not store.has_blob(modules.digest):
            store.add_blob(modules.digest, modules_tar(layer), what="launch and support modules")


def _build(
    plan: PlannedLayer,
    builder: Builder,
    store: Store,
    options: BuildOptions,
    reporter: Reporter,
    *,
    build_python: Digest | None,
) -> Blob:
    # Not where most commands would wait for it: all layers are there more often than not.
    from ocistacks.builder.answers import adopt_answer
    from ocistacks.builder.layer_task import layer_task

    name = plan.request.install_target
    with store.exclusively(f"build-{plan.input_digest.hex}"):
        known = None if options.force else read_built(store, plan.input_digest)
        if known is not None:
            return known
        task = layer_task(plan.request, jobs=options.jobs, build_python=build_python)
        with reporter.task(f"build {name}", unit="steps") as shown, store.new_blob() as output:
            answer = builder.run(task, output=output, on_step=lambda _line: shown.advance(1))
            blob = adopt_answer(answer, output, store, task, builder)
        write_record(_record(store, plan.input_digest), blob)
        return blob


def _record(store: Store, input_digest: Digest) -> Path:
    return store.root / "builds" / f"{input_digest.hex}.json"
