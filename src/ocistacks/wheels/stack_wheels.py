"""Which wheels a stack lacks, and building them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.pylock import Package, PackageWheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ocistacks.errors import NotFoundError, UnresolvedError
from ocistacks.files import unwritable
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.project import resolver_project
from ocistacks.lock.read import read_pylock
from ocistacks.lock.resolve import Resolution, resolve_layer
from ocistacks.lock.shared import is_shared
from ocistacks.lock.wheels import choose_wheel
from ocistacks.spec.model import lower_layers, runtime_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.spec.model import LayerSpec, RuntimeSpec
    from ocistacks.wheels.build_wheel import WheelBuilds, WheelResult


def build_named(builds: WheelBuilds, requirements: Sequence[Requirement]) -> list[WheelResult]:
    """Build the wheels of ``requirements``, for each minor version of Python in the stack.

    Indexes are those of the first layer that asks for the package, else those of the runtime. A
    wheel that a later Python takes as well is built once.

    Raises:
        NotFoundError: no layer of the stack is for the builder's platform.
    """
    layers = _layers(builds)
    minors: dict[str, RuntimeSpec] = {}
    for layer in layers:
        minors.setdefault(runtime_of(layer).python_minor, runtime_of(layer))
    results: list[WheelResult] = []
    with builds.with_one_builder() as sharing:
        for requirement in requirements:
            asking = [layer for layer in layers if _asks_for(layer, requirement.name)]
            for_each = [
                next(
                    (layer for layer in asking if runtime_of(layer).python_minor == minor),
                    replace(runtime, platforms=(builds.options.platform,)),
                )
                for minor, runtime in minors.items()
            ]
            results += _build_for_each(sharing, requirement, for_each)
    return results


def build_missing(builds: WheelBuilds) -> list[WheelResult]:
    """Build the wheels that the stack's layers need and no index has, until each layer resolves.

    Nothing but the output folder is written: locks stay as they are.

    Raises:
        LockError: a layer has no solution, also with the wheels that were built for it.
        NotFoundError: no layer of the stack is for the builder's platform.
    """
    layers = _layers(builds)
    with builds.with_one_builder() as sharing:
        search = _Search(builds=sharing)
        for layer in layers:
            search.complete(layer)
    return search.results


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """A stack that is resolved layer by layer; ``packages`` are each layer's own."""

    builds: WheelBuilds
    packages: dict[str, list[Package]] = field(default_factory=dict)
    results: list[WheelResult] = field(default_factory=list)

    def complete(self, layer: LayerSpec) -> None:
        """Resolve a layer, and build what it lacks, until it lacks nothing."""
        lower = [
            package
            for below in lower_layers(layer)
            for package in self.packages[below.environment_name]
        ]
        tried: set[str] = set()
        while True:
            try:
                resolved = self._resolved(layer, lower)
            except UnresolvedError as error:
                wanted = [name for name in error.packages if name not in tried]
                if not wanted:
                    raise
                for name in wanted:
                    requirement = _declared(layer, name)
                    self.results.append(self.builds.build(requirement, layer, lower))
                tried.update(wanted)
            else:
                self.packages[layer.environment_name] = resolved
                return

    def _resolved(self, layer: LayerSpec, lower: Sequence[Package]) -> list[Package]:
        stack, options = self.builds.stack, self.builds.options
        paths = LockPaths.of_layer(stack.folder, layer.environment_name)
        resolution = Resolution(
            layer=layer,
            project=resolver_project(layer, stack.uv_configuration, lower),
            lower_packages=lower,
            stack_folder=stack.folder,
            lock_folder=paths.folder,
            previous=read_pylock(paths.pylock),
        )
        # What a build is made with is upgraded by an upgrade, not what the layer is made of.
        pylock = resolve_layer(resolution, replace(options.locking(stack), upgrade=False))
        return [package for package in pylock.packages if not is_shared(package)]


def _build_for_each(
    builds: WheelBuilds, requirement: Requirement, layers: Sequence[LayerSpec]
) -> list[WheelResult]:
    """Build the wheel for each of ``layers`` that takes none of those before it."""
    made: list[WheelResult] = []
    for layer in layers:
        if any(fits(result, layer) for result in made):
            continue
        made.append(builds.build(requirement, layer))
        if not fits(made[-1], layer):
            builds.reporter.say(
                f"warning: layer {layer.environment_name} cannot take "
                f"{made[-1].wheel.filename}: its linux_target is {layer.linux_target}"
            )
    return made


def _layers(builds: WheelBuilds) -> list[LayerSpec]:
    """Return the stack's layers for the builder's platform, narrowed to it.

    The output folder is there from now on: it may be one that the stack's `find-links` names.
    """
    platform = builds.options.platform
    layers = [
        replace(layer, platforms=(platform,))
        for layer in builds.stack.layers
        if platform in layer.platforms
    ]
    if not layers:
        raise NotFoundError(
            "No layer of the stack is for the platform that wheels are built on.",
            where=str(builds.stack.path),
            found=", ".join(sorted({p for layer in builds.stack.layers for p in layer.platforms})),
            expected=platform,
            hint="build the wheels on a machine of the stack's own platform",
        )
    try:
        builds.options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(builds.options.output, error) from error
    return layers


def _asks_for(layer: LayerSpec, name: str) -> bool:
    return any(_same(requirement.name, name) for requirement in layer.requirements)


def _declared(layer: LayerSpec, name: str) -> Requirement:
    """Return what a layer itself asks of a package; any version where it only comes with others."""
    environment: Any = layer.platforms[0].marker_environment(runtime_of(layer).python_version)
    specifiers = [
        str(requirement.specifier)
        for requirement in layer.requirements
        if _same(requirement.name, name)
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    ]
    return Requirement(f"{name}{','.join(filter(None, specifiers))}")


def _same(first: str, second: str) -> bool:
    return canonicalize_name(first) == canonicalize_name(second)


def fits(result: WheelResult, layer: LayerSpec) -> bool:
    """Whether ``layer`` can take a wheel that was built."""
    wheel = PackageWheel(
        name=result.wheel.filename,
        path=result.wheel.filename,
        hashes={"sha256": result.wheel.digest.hex},
    )
    package = Package(
        name=canonicalize_name(result.name), version=Version(result.version), wheels=[wheel]
    )
    return (
        choose_wheel(package, layer, layer.platforms[0], runtime_of(layer).python_minor) is not None
    )
