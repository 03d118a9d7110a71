"""The packages of one layer, resolved as venvstacks does, and where that fails by platform."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.pylock import Pylock

from ocistacks.lock import uv
from ocistacks.lock.document import layer_pylock
from ocistacks.lock.local_wheels import with_absolute_places, with_relative_wheels
from ocistacks.lock.missing_wheels import MissingWheelsError, require_wheels
from ocistacks.lock.preferences import preferences
from ocistacks.lock.project import for_platforms_alone, with_options
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Package

    from ocistacks.lock.options import LockOptions
    from ocistacks.spec.model import LayerSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """What is to be resolved: a layer's project, above what the layers below have locked.

    ``lock_folder`` is where the lock is going to lie; ``previous`` is the lock that is there.
    """

    layer: LayerSpec
    project: Mapping[str, Any]
    lower_packages: Sequence[Package]
    stack_folder: Path
    lock_folder: Path
    previous: Pylock | None


def resolve_layer(resolution: Resolution, options: LockOptions) -> Pylock:
    """Return the lock of a layer.

    First uv resolves for every platform there is, as for venvstacks, so that the lock is the same.
    Where that has no solution, or one without a wheel for one of the layer's platforms, uv resolves
    for each of these by itself, unless `[tool.uv]` says by `environments` what to resolve for.

    Raises:
        LockError: uv finds no solution or fails, or packages have no wheel that fits.
    """
    project = with_options(
        resolution.project, no_index=options.no_index, local_wheels=options.local_wheels
    )
    project = with_absolute_places(project, resolution.stack_folder)
    try:
        return _resolved(resolution, project, options)
    except (uv.UnsolvableError, MissingWheelsError) as error:
        if "environments" in project["tool"]["uv"]:
            raise
        general = error
    try:
        return _resolved(resolution, for_platforms_alone(project, resolution.layer), options)
    except uv.UnsolvableError:
        if isinstance(general, MissingWheelsError):
            # It names what is missing, where uv tells why each version there ever was is no help.
            raise general from None
        raise


def _resolved(resolution: Resolution, project: Mapping[str, Any], options: LockOptions) -> Pylock:
    layer = resolution.layer
    kept = None if options.upgrades(layer.environment_name) else resolution.previous
    with tempfile.TemporaryDirectory(prefix="ocistacks-lock-") as folder:
        text = uv.resolve(
            project,
            layer=layer,
            folder=Path(folder),
            environment=options.environment,
            preferred=preferences(kept, runtime_of(layer).python_minor) if kept else None,
            upgrade_packages=options.upgrade_packages,
            refresh=options.clean,
        )
    pylock = layer_pylock(Pylock.from_dict(tomllib.loads(text)), layer, resolution.lower_packages)
    require_wheels(pylock, layer)
    return with_relative_wheels(pylock, resolution.lock_folder)
