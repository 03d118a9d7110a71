"""Locking a whole stack: every layer is resolved first, then all files are written."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping  # noqa: TC003 - read by dataclass at run time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.pylock import Pylock

from ocistacks.errors import LockError
from ocistacks.files import write_text_atomically
from ocistacks.lock import uv
from ocistacks.lock.document import layer_pylock, missing_wheels, to_summary, to_toml
from ocistacks.lock.hashes import (
    lock_input_hash,
    other_inputs_hash,
    requirements_hash,
    version_inputs_hash,
)
from ocistacks.lock.metadata import LockMetadata, OwnMetadata, read_metadata
from ocistacks.lock.module_hash import module_hashes
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.project import project_hash, resolver_project
from ocistacks.lock.python_pin import read_pins
from ocistacks.lock.read import LayerLock, read_pylock, stale_reason
from ocistacks.lock.shared import is_shared
from ocistacks.platforms import Platform  # noqa: TC001 - read by dataclass at run time
from ocistacks.spec.model import RuntimeSpec, lower_layers, runtime_of

if TYPE_CHECKING:
    from packaging.pylock import Package

    from ocistacks.digests import Digest
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import LayerSpec, StackSpec

Outcome = Literal["locked", "unchanged", "up to date"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockOptions:
    """How locking is to be done.

    ``platforms`` are those that a Python archive is looked for and pinned for, if it is not yet:
    an archive is large, and the other platforms may never be built.
    """

    platforms: tuple[Platform, ...]
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
    with reporter.task("lock", total=len(stack.layers), unit="steps") as task:
        for layer in stack.layers:
            lower = [results[below.environment_name].lock for below in lower_layers(layer)]
            results[layer.environment_name] = _lock_layer(
                stack, layer, lower, resolve_python, options
            )
            task.advance(1)
    for result in results.values():
        if result.outcome != "up to date":
            _write(result)
    return tuple(results.values())


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
    lower_packages = [package for lock in lower for package in lock.pylock.packages]
    project = resolver_project(layer, stack.uv_configuration, lower_packages)
    resolver_inputs = project_hash(project, options.environment.get("UV_EXCLUDE_NEWER"))
    if (
        previous is not None
        and recorded is not None
        and not options.upgrade
        and not options.upgrade_packages
        and recorded.ocistacks is not None
        and recorded.ocistacks.resolver_inputs_hash == resolver_inputs
        and stale_reason(stack, layer) is None
        and _wanted(layer, options) <= read_pins(previous, paths.pylock).keys()
    ):
        lock = LayerLock(
            layer=layer,
            paths=paths,
            pylock=previous,
            metadata=recorded,
            pins=read_pins(previous, paths.pylock),
        )
        return LockResult(lock=lock, outcome="up to date", previous=previous)
    with tempfile.TemporaryDirectory(prefix="ocistacks-lock-") as folder:
        text = uv.resolve(
            project,
            layer_name=layer.environment_name,
            python_minor=runtime_of(layer).python_minor,
            folder=Path(folder),
            pylock=paths.pylock,
            environment=options.environment,
            upgrade=options.upgrade,
            upgrade_packages=options.upgrade_packages,
        )
    resolved = Pylock.from_dict(tomllib.loads(text))
    pins = _pins(layer, previous, paths, lower, resolve_python, options)
    pylock = layer_pylock(resolved, layer, lower_packages, pins)
    _require_wheels(pylock, layer)
    metadata = _metadata(layer, pylock, recorded, resolver_inputs)
    lock = LayerLock(layer=layer, paths=paths, pylock=pylock, metadata=metadata, pins=pins)
    same = previous is not None and previous == pylock and metadata == recorded
    return LockResult(lock=lock, outcome="unchanged" if same else "locked", previous=previous)


def _pins(
    layer: LayerSpec,
    previous: Pylock | None,
    paths: LockPaths,
    lower: list[LayerLock],
    resolve_python: PythonResolver,
    options: LockOptions,
) -> dict[Platform, PythonPin]:
    """Return the Python archives that the layer is bound to.

    A runtime is bound to the version that its spec names. A layer above keeps the Python that it
    was first locked with while the minor version stays, so that a security release of the
    runtime leaves it as it is.
    """
    old = read_pins(previous, paths.pylock) if previous is not None else {}
    pins: dict[Platform, PythonPin] = {}
    wanted = _wanted(layer, options)
    for platform in layer.platforms:
        kept = old.get(platform)
        if isinstance(layer, RuntimeSpec):
            if kept is not None and kept.version != layer.python_version:
                kept = None
            if kept is None and platform in wanted:
                kept = resolve_python(layer, platform)
        else:
            minor = runtime_of(layer).python_minor
            if kept is None or options.upgrade or not kept.version.startswith(f"{minor}."):
                kept = lower[-1].pins.get(platform)
        if kept is not None:
            pins[platform] = kept
    return pins


def _wanted(layer: LayerSpec, options: LockOptions) -> set[Platform]:
    return set(options.platforms).intersection(layer.platforms)


def _require_wheels(pylock: Pylock, layer: LayerSpec) -> None:
    missing = missing_wheels(pylock, layer)
    if not missing:
        return
    faults = []
    for wheel in missing:
        names = ", ".join(wheel.available[:4]) or "none at all"
        more = f" and {len(wheel.available) - 4} more" if len(wheel.available) > 4 else ""
        faults.append(f"{wheel.package} {wheel.version} on {wheel.platform}: {names}{more}")
    raise LockError(
        f"Layer {layer.environment_name} cannot be locked: packages have no wheel that fits.",
        where=f"layer {layer.environment_name}",
        found="\n    ".join(["these wheels only:", *faults]),
        expected=f"wheels for CPython {runtime_of(layer).python_minor}, "
        f"{layer.linux_target} or older on Linux, macOS {layer.macosx_target} or older",
        hint="narrow the layer's platforms, raise linux_target or macosx_target, choose another "
        "version, or build the wheel and add its folder with find-links",
    )


def _metadata(
    layer: LayerSpec, pylock: Pylock, recorded: LockMetadata | None, resolver_inputs: Digest
) -> LockMetadata:
    """Return the lock's metadata; version and time stay where what they stand for stays."""
    fresh = LockMetadata(
        requirements_hash=requirements_hash(pylock),
        lock_input_hash=lock_input_hash(layer),
        other_inputs_hash=other_inputs_hash(layer),
        version_inputs_hash=version_inputs_hash(layer, module_hashes(layer)),
        lock_version=1,
        locked_at=datetime.now(UTC).replace(microsecond=0).isoformat(),
        ocistacks=OwnMetadata(resolver_inputs_hash=resolver_inputs),
    )
    if recorded is None:
        return fresh
    compared = ["requirements_hash", "lock_input_hash", "other_inputs_hash"]
    if layer.versioned:
        compared.append("version_inputs_hash")
    if all(getattr(fresh, key) == getattr(recorded, key) for key in compared):
        kept = {"lock_version": recorded.lock_version, "locked_at": recorded.locked_at}
        return fresh.model_copy(update=kept)
    version = recorded.lock_version + 1 if layer.versioned else 1
    return fresh.model_copy(update={"lock_version": version})


def _write(result: LockResult) -> None:
    lock = result.lock
    name = lock.layer.environment_name
    declared = [
        "# DO NOT EDIT. Made by ocistacks from the stack's specification.",
        "#              Lock the layer again to update it.",
        *lock.layer.declared_requirements,
    ]
    contents = {
        lock.paths.pylock: to_toml(lock.pylock, name),
        lock.paths.declared: "\n".join(declared) + "\n",
        lock.paths.summary: to_summary(lock.pylock, name),
        lock.paths.metadata: lock.metadata.to_json(),
    }
    for path, text in contents.items():
        write_text_atomically(path, text)


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
