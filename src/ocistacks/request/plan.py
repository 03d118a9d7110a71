"""From a locked stack to the build requests of its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.document import needed_on
from ocistacks.lock.shared import is_shared
from ocistacks.lock.wheels import choose_wheel
from ocistacks.request.materials import Material, python_material, wheel_material
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput
from ocistacks.request.modules import modules_tar
from ocistacks.spec.model import ApplicationSpec, RuntimeSpec, lower_layers, runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.lock.read import LayerLock
    from ocistacks.platforms import Platform
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


def plan_stack(
    stack: StackSpec, locks: Sequence[LayerLock], platform: Platform
) -> tuple[PlannedLayer, ...]:
    """Return the plan of every layer that is made for ``platform``, in build order.

    Raises:
        LockError: a lock has no wheel or no Python for that platform.
    """
    targets = {lock.layer.environment_name: lock.install_target for lock in locks}
    return tuple(
        _plan_layer(stack, lock, platform, targets)
        for lock in locks
        if platform in lock.layer.platforms
    )


def _plan_layer(
    stack: StackSpec, lock: LayerLock, platform: Platform, targets: Mapping[str, str]
) -> PlannedLayer:
    layer, settings = lock.layer, stack.settings
    indexes: Any = stack.uv_configuration.get("index", ())
    materials: list[Material] = []
    wheels: list[WheelInput] = []
    for package in lock.pylock.packages:
        if is_shared(package) or not needed_on(package, layer, platform):
            continue
        wheel = choose_wheel(package, layer, platform, runtime_of(layer).python_minor)
        if wheel is None:
            raise LockError(
                f"The lock of layer {layer.environment_name} has no wheel that fits.",
                where=f"{lock.paths.pylock}, {package.name} {package.version}, {platform}",
                hint="lock the layer again: ocistacks lock SPEC",
            )
        material = wheel_material(package, wheel, lock.paths.folder, indexes)
        materials.append(material)
        wheels.append(
            WheelInput(
                name=package.name,
                version=str(package.version),
                filename=material.name,
                digest=material.digest,
            )
        )
    pin = _pin(lock, platform)
    needs_python = isinstance(layer, RuntimeSpec) or settings.bytecode
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
        lower_targets=tuple(targets[below.environment_name] for below in lower_layers(layer)),
        wheels=tuple(sorted(wheels, key=lambda wheel: wheel.name)),
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
