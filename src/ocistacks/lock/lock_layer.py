"""Locking one layer, when those that it stands on are locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocistacks.errors import LockError
from ocistacks.lock.document import to_toml
from ocistacks.lock.layer_pins import layered_pins, runtime_pins
from ocistacks.lock.metadata import read_metadata
from ocistacks.lock.new_metadata import new_metadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.project import resolver_inputs_hash, resolver_project
from ocistacks.lock.read import LayerLock, LockFile, changed_inputs, read_layer_lock, read_pylock
from ocistacks.lock.resolve import Resolution, resolve_layer
from ocistacks.lock.shared import is_shared
from ocistacks.spec.model import RuntimeSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.pylock import Package, Pylock

    from ocistacks.digests import Digest
    from ocistacks.lock.options import LockOptions
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec, StackSpec

Outcome = Literal["locked", "unchanged", "up to date"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockResult:
    """What locking did to one layer.

    ``locked``: the lock changed; ``unchanged``: uv was asked and gave the same; ``up to date``:
    nothing that goes into the lock had changed, so uv was not asked.
    """

    lock: LayerLock
    outcome: Outcome
    previous: LayerLock | None


def lock_layer(
    stack: StackSpec,
    layer: LayerSpec,
    lower: Sequence[LockResult],
    resolve_python: PythonResolver,
    options: LockOptions,
) -> LockResult:
    """Lock ``layer`` above ``lower``, nearest first, and return the result; nothing is written.

    Raises:
        LockError: the layer cannot be locked, or what was locked before cannot be read.
    """
    name = layer.environment_name
    paths = LockPaths.of_layer(stack.folder, name)
    is_reset = name in options.reset
    previous = _previous(layer, paths, is_reset=is_reset)
    stands = previous is not None and _stands(stack, previous, lower, options)
    if previous is not None and stands:
        pylock = previous.pylock
        inputs = previous.metadata.ocistacks.resolver_inputs_hash
    else:
        lower_packages = packages_below(lower)
        pinned: Pylock | None = None
        if previous is not None:
            pinned = previous.pylock
        elif not is_reset:  # a lock without metadata has pins, too
            pinned = read_pylock(paths.pylock)
        resolution = Resolution(
            layer=layer,
            project=resolver_project(layer, stack.uv_configuration, lower_packages),
            lower_packages=lower_packages,
            stack_folder=stack.folder,
            lock_folder=paths.folder,
            previous=pinned,
        )
        pylock = resolve_layer(resolution, options)
        inputs = _inputs(stack, layer, pylock, lower)
    upgrade = options.upgrades(name) and not stands
    pins = _pins(layer, previous, lower, resolve_python, options.platforms, upgrade=upgrade)
    recorded = read_metadata(paths.metadata)
    metadata = new_metadata(layer, pylock, recorded, inputs, newest=stack.exclude_newer)
    if previous is not None and previous.pylock == pylock:
        file = previous.file
    else:
        file = LockFile(path=paths.pylock, content=to_toml(pylock, name).encode())
    metadata = metadata.with_pins(pins).with_file(file.digest)
    lock = LayerLock(layer=layer, paths=paths, file=file, metadata=metadata, pins=pins)
    return LockResult(lock=lock, outcome=_outcome(lock, previous, stands=stands), previous=previous)


def _previous(layer: LayerSpec, paths: LockPaths, *, is_reset: bool) -> LayerLock | None:
    """Return the lock that stands; one that is broken is none where it is to be forgotten."""
    previous = read_layer_lock(layer, paths)
    if previous is not None and is_reset:
        try:
            _ = previous.pylock  # parsed when it is asked for
        except LockError:
            return None
    return previous


def packages_below(lower: Iterable[LockResult]) -> tuple[Package, ...]:
    """Return what layers bring by themselves, nearest first."""
    return tuple(
        package
        for result in lower
        for package in result.lock.pylock.packages
        if not is_shared(package)
    )


def _stands(
    stack: StackSpec, previous: LayerLock, lower: Sequence[LockResult], options: LockOptions
) -> bool:
    """Whether a layer keeps the packages of its lock without asking uv."""
    name = previous.layer.environment_name
    if options.must_ask(name) or changed_inputs(previous) is not None:
        return False
    known = previous.metadata.ocistacks.resolver_inputs_hash
    if known is not None:
        return known == _inputs(stack, previous.layer, previous.pylock, lower)
    return name in options.if_needed and not _uses_changed(previous.pylock, lower)


def _inputs(
    stack: StackSpec, layer: LayerSpec, pylock: Pylock, lower: Iterable[LockResult]
) -> Digest:
    """Return the digest of what a lock depends on: of the packages below, those that it names."""
    named = {package.name for package in pylock.packages}
    used = [package for package in packages_below(lower) if package.name in named]
    project = resolver_project(layer, stack.uv_configuration, used)
    return resolver_inputs_hash(project, layer.platforms)


def _uses_changed(pylock: Pylock, lower: Iterable[LockResult]) -> bool:
    """Whether a package in a lock is one that changed in a layer below."""
    named = {package.name for package in pylock.packages}
    for result in lower:
        before = result.previous.pylock.packages if result.previous is not None else ()
        after = result.lock.pylock.packages
        changed = [one for one in before if one not in after]
        changed += [one for one in after if one not in before]
        if any(package.name in named for package in changed):
            return True
    return False


def _pins(
    layer: LayerSpec,
    previous: LayerLock | None,
    lower: Sequence[LockResult],
    resolve_python: PythonResolver,
    platforms: Iterable[Platform],
    *,
    upgrade: bool,
) -> Mapping[Platform, PythonPin]:
    kept = previous.pins if previous is not None else {}
    if isinstance(layer, RuntimeSpec):
        wanted = set(platforms).intersection(layer.platforms)
        return runtime_pins(layer, kept, wanted, resolve_python, upgrade=upgrade)
    return layered_pins(layer, kept, lower[-1].lock.pins, upgrade=upgrade)


def _outcome(lock: LayerLock, previous: LayerLock | None, *, stands: bool) -> Outcome:
    if previous is None or previous.file != lock.file:
        return "locked"
    if previous.metadata.with_inputs_of(lock.metadata) != lock.metadata:
        return "locked"
    return "up to date" if stands else "unchanged"
