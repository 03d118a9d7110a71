"""From a locked stack to the build requests of its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.request.index_login import index_logins
from ocistacks.request.materials import (
    Material,
    python_material,
    wheel_input,
    wheel_material,
)
from ocistacks.request.model import (
    BuildRequest,
    ModulesInput,
    PythonInput,
    ScriptInput,
    WheelInput,
)
from ocistacks.request.modules import modules_tar
from ocistacks.spec.model import ApplicationSpec, RuntimeSpec, lower_layers, runtime_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform
    from ocistacks.request.locked_wheels import LockedWheel
    from ocistacks.spec.model import LayerSpec, StackSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedLayer:
    """A layer for one platform, with its request and where its materials come from."""

    lock: LayerLock
    request: BuildRequest
    input_digest: Digest
    materials: tuple[Material, ...]

    @property
    def layer(self) -> LayerSpec:
        """The layer's specification."""
        return self.lock.layer


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenLayer:
    """A layer's lock with the wheels that one platform takes of it."""

    lock: LayerLock
    platform: Platform
    wheels: tuple[tuple[Material, WheelInput], ...]


Scripts = Mapping[Digest, tuple[ScriptInput, ...]]
"""The console scripts of each wheel that lies below an application."""

WheelChooser = Callable[["LayerLock", "Platform"], tuple["LockedWheel", ...]]
"""Gives the wheels that a platform takes of a lock, as ``choose_wheels`` does."""


def choose_layers(
    stack: StackSpec,
    locks: Sequence[LayerLock],
    platform: Platform,
    choose: WheelChooser,
) -> tuple[ChosenLayer, ...]:
    """Return the layers that are made for ``platform``, with their wheels, in build order.

    Raises:
        LockError: a lock has no wheel for that platform.
    """
    logins = index_logins(stack.uv_configuration)
    return tuple(
        ChosenLayer(
            lock=lock,
            platform=platform,
            wheels=tuple(
                (wheel_material(wheel, lock.paths.folder, logins), wheel_input(wheel))
                for wheel in choose(lock, platform)
            ),
        )
        for lock in locks
        if platform in lock.layer.platforms
    )


def plan_stack(
    stack: StackSpec, chosen: Sequence[ChosenLayer], *, scripts: Scripts
) -> tuple[PlannedLayer, ...]:
    """Return the plan of every layer that was chosen for one platform, in build order.

    ``scripts`` has those of all wheels that ``wheels_below_applications`` returns.

    Raises:
        LockError: a lock has no Python for that platform.
    """
    layers = {layer.lock.layer.environment_name: layer for layer in chosen}
    return tuple(_plan_layer(stack, layer, layers, scripts) for layer in chosen)


def wheels_below_applications(
    chosen: Sequence[ChosenLayer], environment_names: Collection[str] | None = None
) -> tuple[Material, ...]:
    """Return the wheels of the layers that applications stand on: their scripts must be known.

    ``chosen`` are the layers of one platform. ``environment_names`` limits the applications;
    without it all of them are meant.
    """
    below = {
        lower.environment_name
        for layer in (one.lock.layer for one in chosen)
        if isinstance(layer, ApplicationSpec)
        if environment_names is None or layer.environment_name in environment_names
        for lower in lower_layers(layer)
    }
    wheels = (
        material
        for layer in chosen
        if layer.lock.layer.environment_name in below
        for material, _wheel in layer.wheels
    )
    return tuple({material.digest: material for material in wheels}.values())


def _plan_layer(
    stack: StackSpec,
    chosen: ChosenLayer,
    layers: Mapping[str, ChosenLayer],
    scripts: Scripts,
) -> PlannedLayer:
    lock, platform = chosen.lock, chosen.platform
    layer, settings = lock.layer, stack.settings
    lower = [layers[below.environment_name] for below in lower_layers(layer)]
    materials = [material for material, _wheel in chosen.wheels]
    pin = _pin(lock, platform)
    needs_python = isinstance(layer, RuntimeSpec) or settings.bytecode or platform.is_windows
    if needs_python:
        materials.append(python_material(pin))
    request = BuildRequest(
        kind=layer.kind,
        install_target=lock.install_target,
        platform=platform,
        python=PythonInput(
            implementation=runtime_of(layer).implementation,
            version=pin.version,
            digest=pin.digest if needs_python else None,
        ),
        lower_targets=tuple(below.lock.install_target for below in lower),
        wheels=tuple(sorted((wheel for _, wheel in chosen.wheels), key=lambda wheel: wheel.name)),
        lower_scripts=_lower_scripts(layer, lower, scripts),
        dynlib_exclude=tuple(sorted(set(layer.dynlib_exclude))),
        modules=_modules_input(layer),
        bytecode=settings.bytecode,
        compression=settings.compression,
        compression_level=settings.compression_level,
    )
    return PlannedLayer(
        lock=lock,
        request=request,
        input_digest=request.input_digest,
        materials=tuple(materials),
    )


def _lower_scripts(
    layer: LayerSpec, lower: Iterable[ChosenLayer], scripts: Scripts
) -> tuple[ScriptInput, ...]:
    if not isinstance(layer, ApplicationSpec):
        return ()
    found: dict[str, ScriptInput] = {}
    for below in lower:
        for material, _wheel in below.wheels:
            for script in scripts[material.digest]:
                found.setdefault(script.name, script)
    return tuple(found[name] for name in sorted(found))


def _modules_input(layer: LayerSpec) -> ModulesInput | None:
    if not isinstance(layer, ApplicationSpec):
        return None
    return ModulesInput(
        launch_module=layer.launch_module_name, digest=Digest.of_chunks(modules_tar(layer))
    )


def _pin(lock: LayerLock, platform: Platform) -> PythonPin:
    try:
        return lock.pins[platform]
    except KeyError:
        name = lock.layer.environment_name
        raise LockError(
            f"The lock of layer {name} pins no Python for {platform}.",
            where=str(lock.paths.pylock),
            found=", ".join(lock.pins) or "no Python at all",
            expected=str(platform),
            hint=f"name an archive in [tool.ocistacks.python_sources] and lock again, or build "
            f"for {', '.join(lock.pins) or 'another platform'}",
        ) from None
