"""What the build of one wheel is locked to: a pylock.toml beside the wheel.

It holds the wheels of the build requirements and, in the table that the format keeps for tools, the
sdist and what the sdist asks for. With it the next run, and another machine, build with the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, LockError
from ocistacks.files import write_text_atomically
from ocistacks.lock.document import platforms_of, pylock_text
from ocistacks.lock.project import resolver_inputs_hash
from ocistacks.lock.read import read_pylock
from ocistacks.lock.resolve import Resolution, resolve_layer
from ocistacks.lock.wheels import choose_wheel
from ocistacks.request.choose_wheels import locked_wheel
from ocistacks.request.materials import Material, wheel_input, wheel_material
from ocistacks.spec.model import runtime_of
from ocistacks.wheels.resolver_settings import requirements_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from packaging.pylock import Pylock

    from ocistacks.lock.options import LockOptions
    from ocistacks.platforms import Platform
    from ocistacks.request.index_login import IndexLogin
    from ocistacks.request.model import WheelInput
    from ocistacks.spec.model import LayerSpec, StackSpec
    from ocistacks.wheels.model import SdistInput

_TOOL = "ocistacks"
_KEY = "wheel"


class BuildRecord(BaseModel):
    """The table `[tool.ocistacks.wheel]`; ``requirements`` are what the sdist's build asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sdist: str
    sdist_digest: Digest
    requirements: tuple[str, ...] = ()
    resolver_inputs_hash: Digest | None = None
    """Digest of all that was given to uv, None before it was asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildLock:
    """A lock of build requirements; ``path`` is its file."""

    path: Path
    record: BuildRecord
    pylock: Pylock | None


def build_lock_path(folder: Path, sdist: SdistInput, platform: Platform, minor: str) -> Path:
    """Return the lock's file; the format wants no dots in its name (PyPA "pylock.toml")."""
    python = f"cp{minor.replace('.', '')}"
    name = f"{sdist.name}-{sdist.version}-{python}-{platform}".replace(".", "_")
    return folder / f"pylock.{name}.toml"


def read_build_lock(path: Path, sdist: SdistInput) -> BuildLock:
    """Return the lock in the file at ``path``, an empty one where there is none.

    Raises:
        DigestError: it is for an sdist of the same name that had other bytes.
        LockError: it cannot be read.
    """
    pylock = read_pylock(path)
    empty = BuildRecord(sdist=sdist.filename, sdist_digest=sdist.digest)
    if pylock is None:
        return BuildLock(path=path, record=empty, pylock=None)
    try:
        record = BuildRecord.model_validate((pylock.tool or {}).get(_TOOL, {}).get(_KEY))
    except ValidationError as error:
        raise LockError(
            "The lock of a wheel's build cannot be read.",
            where=f"{path}, tool.{_TOOL}.{_KEY}",
            found=str(error.errors()[0]["msg"]),
            hint="delete it, and build the wheel again",
        ) from error
    if record.sdist != sdist.filename:
        return BuildLock(path=path, record=empty, pylock=None)
    if record.sdist_digest != sdist.digest:
        raise DigestError(
            "An sdist is not the one that the wheel was built from before.",
            where=f"{sdist.filename}, {path}",
            found=sdist.digest,
            expected=record.sdist_digest,
            hint="ask the index why it serves another file under that name; to take it, delete "
            "the lock",
        )
    return BuildLock(path=path, record=record, pylock=pylock)


def lock_requirements(
    known: BuildLock,
    own: Sequence[str],
    extra: Sequence[str],
    layer: LayerSpec,
    stack: StackSpec,
    options: LockOptions,
) -> BuildLock:
    """Return the lock of the sdist's ``own`` requirements and ``extra`` ones, and write it.

    uv is not asked where ``known`` is of the same, unless the options say to upgrade; what it pins
    stays where it still fits.

    Raises:
        LockError: they cannot be locked, to wheels.
    """
    project = requirements_project({*own, *extra}, layer, stack.uv_configuration)
    inputs = resolver_inputs_hash(project, layer.platforms)
    same = known.pylock is not None and known.record.resolver_inputs_hash == inputs
    if same and not options.upgrade:
        return known
    record = known.record.model_copy(
        update={"requirements": tuple(own), "resolver_inputs_hash": inputs}
    )
    resolution = Resolution(
        layer=layer,
        project=project,
        lower_packages=(),
        stack_folder=stack.folder,
        lock_folder=known.path.parent,
        previous=known.pylock,
    )
    try:
        resolved = resolve_layer(resolution, options)
    except LockError as error:
        build = f"the build of {record.sdist}"
        raise LockError(
            f"What {build} requires cannot be locked.",
            where=", ".join(sorted({*own, *extra})),
            found=(error.found or "").replace(f"layer {layer.environment_name}", build),
            expected=error.expected,
            hint="build a requirement that has no wheel with ocistacks wheels SPEC NAME; or bound "
            "it with build-constraint-dependencies in [tool.uv]",
        ) from error
    table = {_TOOL: {_KEY: record.model_dump(mode="json")}}
    pylock = replace(resolved, tool=table)
    header = (
        f"# What the wheel of {record.sdist} is built with (DO NOT EDIT)\n"
        "# Made by: ocistacks wheels\n"
    )
    write_text_atomically(known.path, pylock_text(pylock, header))
    return BuildLock(path=known.path, record=record, pylock=pylock)


def locked_wheels(
    lock: BuildLock, layer: LayerSpec, platform: Platform, logins: Iterable[IndexLogin]
) -> tuple[tuple[WheelInput, ...], tuple[Material, ...]]:
    """Return the wheels that a lock has for a platform, and where each can be had."""
    inputs: list[WheelInput] = []
    materials: list[Material] = []
    minor = runtime_of(layer).python_minor
    for package in lock.pylock.packages if lock.pylock is not None else ():
        wheel = choose_wheel(package, layer, platform, minor)
        if wheel is None or platform not in platforms_of(package, layer):
            continue
        locked = locked_wheel(package, wheel, lock.path.parent)
        materials.append(wheel_material(locked, lock.path.parent, logins))
        inputs.append(wheel_input(locked))
    return tuple(sorted(inputs, key=lambda wheel: wheel.name)), tuple(materials)
