"""Reading a layer's lock back, and telling whether it is still valid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.hashes import (
    lock_input_hash,
    other_inputs_hash,
    requirements_hash,
    version_inputs_hash,
)
from ocistacks.lock.metadata import LockMetadata, read_metadata
from ocistacks.lock.module_hash import module_hashes
from ocistacks.lock.paths import LockPaths
from ocistacks.spec.model import RuntimeSpec, lower_layers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from packaging.pylock import Pylock

    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec, StackSpec


@dataclass(frozen=True, kw_only=True)
class LockFile:
    """A lock file's content; it is parsed once, when that is first asked for, which takes long."""

    path: Path
    content: bytes = field(repr=False)

    @cached_property
    def pylock(self) -> Pylock:
        """The lock; LockError if the file is broken."""
        from ocistacks.lock.parse import parse_lock_file  # not for a lock that is as it was written

        return parse_lock_file(self.content, self.path)

    @cached_property
    def digest(self) -> Digest:
        """The digest of the content."""
        return Digest.of_bytes(self.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerLock:
    """A layer with its lock."""

    layer: LayerSpec
    paths: LockPaths
    file: LockFile
    metadata: LockMetadata
    pins: Mapping[Platform, PythonPin]

    @property
    def pylock(self) -> Pylock:
        """The lock; LockError if its file is broken."""
        return self.file.pylock

    @property
    def install_target(self) -> str:
        """The layer's folder name in a deployment."""
        return self.layer.install_target(self.metadata.lock_version)


def read_pylock(path: Path) -> Pylock | None:
    """Return the lock in the file at ``path``, None if there is none; LockError if broken."""
    file = _read_file(path)
    return None if file is None else file.pylock


def _read_file(path: Path) -> LockFile | None:
    try:
        return LockFile(path=path, content=path.read_bytes())
    except FileNotFoundError:
        return None


def stale_reason(stack: StackSpec, layer: LayerSpec) -> str | None:
    """Return why a layer has no valid lock, None if it has one."""
    lock = _read(stack, layer)
    return "it was never locked" if lock is None else outdated_reason(lock)


def outdated_reason(lock: LayerLock) -> str | None:
    """Return why a lock that was read is no longer valid for its layer, None if it is."""
    layer = lock.layer
    if reason := changed_inputs(lock):
        return reason
    if isinstance(layer, RuntimeSpec):
        pinned = {pin.version for pin in lock.pins.values()}
        if not pinned <= {layer.python_version}:
            return "its Python version changed"
    if layer.versioned:
        modules = module_hashes(layer)
        if version_inputs_hash(layer, modules) != lock.metadata.version_inputs_hash:
            return "its launch or support modules changed"
    return None


def changed_inputs(lock: LayerLock) -> str | None:
    """Return why the packages of a lock must be resolved again, None if they need not."""
    layer, metadata = lock.layer, lock.metadata
    if lock_input_hash(layer) != metadata.lock_input_hash:
        return "its requirements changed"
    if other_inputs_hash(layer) != metadata.other_inputs_hash:
        return "its Python version, platform floors or lower layers changed"
    if metadata.ocistacks.pylock_digest == lock.file.digest:
        return None
    if requirements_hash(lock.pylock) != metadata.requirements_hash:
        return "its lock file was changed by hand"
    return None


def read_locks(
    stack: StackSpec, environment_names: Collection[str] | None = None
) -> tuple[LayerLock, ...]:
    """Return the locks of the named layers, and of those that they stand on, in build order.

    Without names, those of all layers.

    Raises:
        LockError: some layers have no valid lock; all of them are named.
    """
    wanted = with_lower_layers(stack, environment_names)
    locks: list[LayerLock] = []
    stale: dict[str, str] = {}
    for layer in stack.layers:
        if layer.environment_name not in wanted:
            continue
        lock = _read(stack, layer)
        reason = "it was never locked" if lock is None else outdated_reason(lock)
        if lock is None or reason is not None:
            stale[layer.environment_name] = str(reason)
        else:
            locks.append(lock)
    if stale:
        raise LockError(
            "Layers must be locked before they are built.",
            where=str(stack.path),
            found="; ".join(f"{name}: {reason}" for name, reason in stale.items()),
            expected="a valid lock of every layer",
            hint=f"ocistacks lock {stack.path.name}",
        )
    return tuple(locks)


def with_lower_layers(
    stack: StackSpec, environment_names: Collection[str] | None
) -> frozenset[str]:
    """Return the names of layers with all that they stand on; without names, of all layers."""
    return frozenset(
        name
        for layer in stack.layers
        if environment_names is None or layer.environment_name in environment_names
        for name in (
            layer.environment_name,
            *(lower.environment_name for lower in lower_layers(layer)),
        )
    )


def read_lock(stack: StackSpec, layer: LayerSpec) -> LayerLock:
    """Return one layer's lock as it stands; LockError if there is none."""
    lock = _read(stack, layer)
    if lock is None:
        raise LockError(
            f"Layer {layer.environment_name} is not locked.",
            where=str(LockPaths.of_layer(stack.folder, layer.environment_name).pylock),
            hint=f"ocistacks lock {stack.path.name}",
        )
    return lock


def read_layer_lock(layer: LayerSpec, paths: LockPaths) -> LayerLock | None:
    """Return the lock of ``layer`` at ``paths``, None if there is none.

    Raises:
        LockError: its metadata is broken. Whether the lock is shows when it is parsed.
    """
    metadata = read_metadata(paths.metadata)
    file = _read_file(paths.pylock)
    if file is None or metadata is None:
        return None
    return LayerLock(layer=layer, paths=paths, file=file, metadata=metadata, pins=metadata.pins)


def _read(stack: StackSpec, layer: LayerSpec) -> LayerLock | None:
    return read_layer_lock(layer, LockPaths.of_layer(stack.folder, layer.environment_name))
