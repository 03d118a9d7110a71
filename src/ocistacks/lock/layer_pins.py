"""Which Python archives a layer is bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec, RuntimeSpec


def runtime_pins(
    runtime: RuntimeSpec,
    previous: Mapping[Platform, PythonPin],
    wanted: Collection[Platform],
    resolve_python: PythonResolver,
    *,
    upgrade: bool,
) -> dict[Platform, PythonPin]:
    """Return the pins of a runtime: of the version that its specification names.

    An archive is looked for on the ``wanted`` platforms, where none is pinned or ``upgrade`` is on.
    """
    pins: dict[Platform, PythonPin] = {}
    for platform in runtime.platforms:
        kept = previous.get(platform)
        if kept is not None and kept.version != runtime.python_version:
            kept = None
        if platform in wanted and (kept is None or upgrade):
            kept = resolve_python(runtime, platform)
        if kept is not None:
            pins[platform] = kept
    return pins


def layered_pins(
    layer: LayerSpec,
    previous: Mapping[Platform, PythonPin],
    of_runtime: Mapping[Platform, PythonPin],
    *,
    upgrade: bool,
) -> dict[Platform, PythonPin]:
    """Return the pins of a layer above a runtime.

    It keeps the Python that it was first locked with while the minor version stays, so that a
    security release of the runtime leaves it as it is.
    """
    minor = runtime_of(layer).python_minor
    kept = {
        platform: pin for platform, pin in previous.items() if pin.version.startswith(f"{minor}.")
    }
    first, second = (of_runtime, kept) if upgrade else (kept, of_runtime)
    pins = {platform: first.get(platform, second.get(platform)) for platform in layer.platforms}
    return {platform: pin for platform, pin in pins.items() if pin is not None}
