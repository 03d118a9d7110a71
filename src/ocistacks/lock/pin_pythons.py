"""Binding layers that are locked already to a Python: another tool's locks name none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ocistacks.files import write_text_atomically
from ocistacks.lock.layer_pins import layered_pins, runtime_pins
from ocistacks.spec.model import RuntimeSpec, runtime_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform


def pin_pythons(
    locks: Sequence[LayerLock], platforms: Collection[Platform], resolve_python: PythonResolver
) -> tuple[LayerLock, ...]:
    """Return ``locks``, each with a Python for those of ``platforms`` that its layer is made for.

    What is found is recorded in the metadata of the lock, so that the next build takes the same;
    the lock itself stays as it is. ``locks`` holds the runtime of each layer before the layer.

    Raises:
        LockError: there is no such Python.
        TargetError: the metadata cannot be written.
    """
    of_runtimes: dict[str, Mapping[Platform, PythonPin]] = {}
    pinned: list[LayerLock] = []
    for lock in locks:
        layer = lock.layer
        wanted = set(platforms).intersection(layer.platforms)
        pins = lock.pins
        if isinstance(layer, RuntimeSpec):
            if not wanted <= pins.keys():
                pins = runtime_pins(layer, pins, wanted, resolve_python, upgrade=False)
            of_runtimes[layer.environment_name] = pins
        elif not wanted <= pins.keys():
            of_runtime = of_runtimes[runtime_of(layer).environment_name]
            pins = layered_pins(layer, pins, of_runtime, upgrade=False)
        pinned.append(lock if pins == lock.pins else _recorded(lock, pins))
    return tuple(pinned)


def _recorded(lock: LayerLock, pins: Mapping[Platform, PythonPin]) -> LayerLock:
    metadata = lock.metadata.with_pins(pins).with_file(lock.file.digest)
    write_text_atomically(lock.paths.metadata, metadata.to_json())
    return replace(lock, metadata=metadata, pins=pins)
