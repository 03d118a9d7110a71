"""What a stack specification says, with references resolved and defaults filled in.

Field names are venvstacks 0.8's wherever it has one. Layers are compared by identity, and what
they stand on is left out of their repr: in a long chain each layer holds all those below it, so
comparing or printing by value would take time exponential in the chain's length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ocistacks.errors import NotFoundError
from ocistacks.spec.names import LayerKind, nearest
from ocistacks.spec.targets import glibc_version, macosx_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from packaging.requirements import Requirement

    from ocistacks.platforms import Platform
    from ocistacks.spec.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LayerSpec:
    """What all layers have.

    ``declared_requirements`` and ``declared_linux_target`` are as written (upstream's lock hashes
    are made of them), ``requirements`` and ``linux_target`` are parsed and normalised.
    ``platforms`` is narrowed by the layers below and never empty. ``package_indexes`` maps
    normalised package names to index names and holds what the layers below pass on.
    """

    kind: ClassVar[LayerKind]

    name: str
    requirements: tuple[Requirement, ...]
    declared_requirements: tuple[str, ...]
    platforms: tuple[Platform, ...]
    versioned: bool
    linux_target: str
    declared_linux_target: str
    macosx_target: str
    dynlib_exclude: tuple[str, ...]
    package_indexes: Mapping[str, str]
    index_overrides: Mapping[str, str]
    priority_indexes: tuple[str, ...]

    @property
    def environment_name(self) -> str:
        """The layer's folder while it is built: `NAME`, `framework-NAME` or `app-NAME`."""
        return self.kind.environment_name(self.name)

    @property
    def glibc_version(self) -> tuple[int, int]:
        """The oldest glibc that the layer's Linux wheels may ask for."""
        return glibc_version(self.linux_target)

    @property
    def macosx_version(self) -> tuple[int, int]:
        """The oldest macOS that the layer's wheels may ask for."""
        return macosx_version(self.macosx_target)

    def install_target(self, lock_version: int) -> str:
        """Return the layer's folder where it is deployed: `NAME@N` when it is versioned."""
        return (
            f"{self.environment_name}@{lock_version}" if self.versioned else self.environment_name
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RuntimeSpec(LayerSpec):
    """A layer that brings the Python interpreter; `python_implementation` is `cpython@3.13.5`."""

    kind: ClassVar[LayerKind] = LayerKind.RUNTIME

    python_implementation: str

    @property
    def implementation(self) -> str:
        """The interpreter's kind alone: `cpython`."""
        return self.python_implementation.partition("@")[0]

    @property
    def python_version(self) -> str:
        """The interpreter's full version: `3.13.5`."""
        return self.python_implementation.partition("@")[2]

    @property
    def python_minor(self) -> str:
        """The version that wheels and folders are named after: `3.13`."""
        return ".".join(self.python_version.split(".")[:2])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LayeredSpec(LayerSpec):
    """What frameworks and applications have: what they stand on.

    ``frameworks`` holds all of them, direct and indirect, in C3 order, nearest first.
    """

    runtime: RuntimeSpec = field(repr=False)
    frameworks: tuple[FrameworkSpec, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FrameworkSpec(LayeredSpec):
    """A layer of packages that other layers share."""

    kind: ClassVar[LayerKind] = LayerKind.FRAMEWORK


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ApplicationSpec(LayeredSpec):
    """A layer that is run: `python -m LAUNCH_MODULE_NAME`. Paths are absolute."""

    kind: ClassVar[LayerKind] = LayerKind.APPLICATION

    launch_module: Path
    support_modules: tuple[Path, ...]

    @property
    def launch_module_name(self) -> str:
        """The import name of the launch module."""
        return self.launch_module.stem


def lower_layers(layer: LayerSpec) -> tuple[LayerSpec, ...]:
    """Return what ``layer`` imports from, nearest first: its frameworks, then its runtime."""
    return (*layer.frameworks, layer.runtime) if isinstance(layer, LayeredSpec) else ()


def runtime_of(layer: LayerSpec) -> RuntimeSpec:
    """Return the runtime that ``layer`` runs on: itself where it is one."""
    if isinstance(layer, RuntimeSpec):
        return layer
    if isinstance(layer, LayeredSpec):
        return layer.runtime
    raise TypeError(type(layer).__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StackSpec:
    """One stack: its layers in declared order, which is an order to build them in.

    ``path`` and ``folder`` are the specification's file and its folder, absolute. Layers switched
    off by `platforms = []`, their own or a lower layer's, are only named, in ``disabled``, by
    environment name. ``uv_configuration`` is the table of uv's settings as written, but for
    `exclude-newer`, which holds what is in force; ``exclude_newer`` is that moment, None where none
    is set or it is relative to the day of locking. ``warnings`` are sentences for the user.
    """

    path: Path
    folder: Path
    runtimes: tuple[RuntimeSpec, ...]
    frameworks: tuple[FrameworkSpec, ...]
    applications: tuple[ApplicationSpec, ...]
    disabled: tuple[str, ...]
    uv_configuration: Mapping[str, object]
    exclude_newer: datetime | None
    settings: Settings
    warnings: tuple[str, ...]

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """All layers; each comes after the layers that it stands on."""
        return (*self.runtimes, *self.frameworks, *self.applications)

    def layer(self, environment_name: str) -> LayerSpec:
        """Return the layer of that environment name; raise NotFoundError where there is none."""
        by_name = {layer.environment_name: layer for layer in self.layers}
        if environment_name in by_name:
            return by_name[environment_name]
        near = nearest(environment_name, by_name)
        raise NotFoundError(
            "The stack has no such layer.",
            where=str(self.path),
            found=repr(environment_name),
            expected=", ".join(by_name) or "no layer: the specification declares none",
            hint=f"did you mean {near!r}?" if near else None,
        )
