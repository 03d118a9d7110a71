"""Locking a whole stack: every layer is resolved first, then all files are written."""

from __future__ import annotations

import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from packaging.pylock import Pylock

from ocistacks.files import write_text_atomically
from ocistacks.http_session import without_user
from ocistacks.lock import uv
from ocistacks.lock.document import layer_pylock, to_summary, to_toml
from ocistacks.lock.layer_pins import layered_pins, previous_pins, runtime_pins
from ocistacks.lock.local_wheels import with_absolute_places, with_relative_wheels
from ocistacks.lock.metadata import read_metadata
from ocistacks.lock.missing_wheels import require_wheels
from ocistacks.lock.new_metadata import is_for_the_same, new_metadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.project import environment_markers, project_hash, resolver_project
from ocistacks.lock.read import LayerLock, outdated_reason, read_pylock
from ocistacks.lock.shared import is_shared
from ocistacks.spec.model import RuntimeSpec, lower_layers, runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.pylock import Package

    from ocistacks.lock.metadata import LockMetadata
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import LayerSpec, StackSpec

_PARALLEL = 4
"""uv runs at a time: most of each is waiting for the network."""

Outcome = Literal["locked", "unchanged", "up to date"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockOptions:
    """How locking is to be done.

    ``platforms`` are those that a Python archive is looked for and pinned for, if it is not yet:
    an archive is large, and the other platforms may never be built.
    """

    platforms: tuple[Platform, ...]
    selected: frozenset[str] | None = None
    if_needed: frozenset[str] = frozenset()
    reset: frozenset[str] = frozenset()
    clean: bool = False
    no_index: bool = False
    local_wheels: tuple[Path, ...] = ()
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables that uv sees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LockResult:
    """What locking did to one layer.

    ``locked``: the lock changed; ``unchanged``: uv was asked and gave the same; ``up to date``:
    nothing that goes into the lock had changed, so uv was not asked.
    """

    lock: LayerLock
    outcome: Outcome
    previous: Pylock | None


def lock_stack(
    stack: StackSpec, *, resolve_python: PythonResolver, options: LockOptions, reporter: Reporter
) -> tuple[LockResult, ...]:
    """Lock every layer of ``stack``, lower layers first, and write what changed.

    Nothing is written before every layer is resolved.

    Raises:
        LockError: a layer cannot be locked; the locks on disk stay as they were.
    """
    results: dict[str, LockResult] = {}
    taking_turns = _TakingTurns(resolve_python)
    with (
        reporter.task("lock", total=len(stack.layers), unit="steps") as task,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        for wave in _waves(stack):
            jobs = [
                pool.submit(
                    _lock_layer, stack, layer, _lower(layer, results), taking_turns, options
                )
                for layer in wave
            ]
            for layer, job in zip(wave, jobs, strict=True):
                results[layer.environment_name] = job.result()
                task.advance(1)
    ordered = tuple(results[layer.environment_name] for layer in stack.layers)
    for result in ordered:
        _write(result)
    return ordered


class _TakingTurns:
    """A resolver that is asked by one thread at a time: making a Python takes a whole machine."""

    def __init__(self, resolve_python: PythonResolver) -> None:
        self._resolve_python = resolve_python
        self._turn = Lock()

    def __call__(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        with self._turn:
            return self._resolve_python(runtime, platform)


def _waves(stack: StackSpec) -> list[list[LayerSpec]]:
    """Return the layers in groups; what a layer stands on is in groups before its own."""
    depths: dict[str, int] = {}
    waves: list[list[LayerSpec]] = []
    for layer in stack.layers:
        below = [depths[lower.environment_name] for lower in lower_layers(layer)]
        depth = depths[layer.environment_name] = max(below, default=-1) + 1
        waves += [[]] if depth == len(waves) else []
        waves[depth].append(layer)
    return waves


def _lower(layer: LayerSpec, results: Mapping[str, LockResult]) -> list[LayerLock]:
    return [results[below.environment_name].lock for below in lower_layers(layer)]


def _lock_layer(
    stack: StackSpec,
    layer: LayerSpec,
    lower: list[LayerLock],
    resolve_python: PythonResolver,
    options: LockOptions,
) -> LockResult:
    paths = LockPaths.of_layer(stack.folder, layer.environment_name)
    previous = read_pylock(paths.pylock)
    recorded = read_metadata(paths.metadata)
    lower_packages = [
        package for lock in lower for package in lock.pylock.packages if not is_shared(package)
    ]
    project = resolver_project(layer, stack.uv_configuration, lower_packages)
    resolver_inputs = project_hash(project)
    pins = previous_pins(previous, paths)
    wanted = set(options.platforms).intersection(layer.platforms)
    if (
        previous is not None
        and recorded is not None
        and not options.upgrade
        and not options.upgrade_packages
        and recorded.ocistacks is not None
        and recorded.ocistacks.resolver_inputs_hash == resolver_inputs
        and wanted <= pins.keys()
    ):
        lock = LayerLock(layer=layer, paths=paths, pylock=previous, metadata=recorded, pins=pins)
        if outdated_reason(lock) is None:
            return LockResult(lock=lock, outcome="up to date", previous=previous)
    resolved = _resolved(project, stack, layer, paths, options)
    if isinstance(layer, RuntimeSpec):
        pins = runtime_pins(layer, pins, wanted, resolve_python, upgrade=options.upgrade)
    else:
        pins = layered_pins(layer, pins, lower[-1].pins, upgrade=options.upgrade)
    pylock = layer_pylock(resolved, layer, lower_packages, pins)
    require_wheels(pylock, layer)
    pylock = with_relative_wheels(pylock, paths.folder)
    metadata = new_metadata(layer, pylock, recorded, resolver_inputs, newest=stack.exclude_newer)
    lock = LayerLock(layer=layer, paths=paths, pylock=pylock, metadata=metadata, pins=pins)
    same = previous == pylock and recorded is not None and _is_same(metadata, recorded, layer)
    return LockResult(lock=lock, outcome="unchanged" if same else "locked", previous=previous)


def _is_same(metadata: LockMetadata, recorded: LockMetadata, layer: LayerSpec) -> bool:
    return metadata.locked_at == recorded.locked_at and is_for_the_same(
        metadata, recorded, versioned=layer.versioned
    )


def _resolved(
    project: Mapping[str, Any],
    stack: StackSpec,
    layer: LayerSpec,
    paths: LockPaths,
    options: LockOptions,
) -> Pylock:
    with tempfile.TemporaryDirectory(prefix="ocistacks-lock-") as folder:
        text = uv.resolve(
            with_absolute_places(project, stack.folder),
            layer_name=layer.environment_name,
            platforms=environment_markers(layer),
            python_minor=runtime_of(layer).python_minor,
            folder=Path(folder),
            pylock=paths.pylock,
            environment=options.environment,
            upgrade=options.upgrade,
            upgrade_packages=options.upgrade_packages,
        )
    return Pylock.from_dict(tomllib.loads(text))


def _write(result: LockResult) -> None:
    lock = result.lock
    name = lock.layer.environment_name
    write_text_atomically(lock.paths.summary, to_summary(lock.pylock, name))
    if result.outcome == "up to date":
        return
    declared = [
        "# DO NOT EDIT. Made by ocistacks from the stack's specification.",
        "#              Lock the layer again to update it.",
        *(without_user(requirement) for requirement in lock.layer.declared_requirements),
    ]
    write_text_atomically(lock.paths.pylock, to_toml(lock.pylock, name))
    write_text_atomically(lock.paths.declared, "\n".join(declared) + "\n")
    # Last, because it vouches for the others.
    write_text_atomically(lock.paths.metadata, lock.metadata.to_json())


def changed_packages(result: LockResult) -> tuple[list[Package], list[Package]]:
    """Return the entries of its own that a lock lost and those that it gained."""
    before = _own(result.previous) if result.previous is not None else []
    after = _own(result.lock.pylock)
    return (
        [package for package in before if package not in after],
        [package for package in after if package not in before],
    )


def _own(pylock: Pylock) -> list[Package]:
    return [package for package in pylock.packages if not is_shared(package)]
