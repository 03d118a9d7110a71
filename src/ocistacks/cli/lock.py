"""`ocistacks lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    BuilderBaseOption,
    BuilderOption,
    PythonOption,
    QuietOption,
    SpecArgument,
    UnconfinedOption,
)

if TYPE_CHECKING:
    from ocistacks.lock.lock_stack import LockResult


def lock(
    spec: SpecArgument,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest of all.")] = False,
    upgrade_package: Annotated[
        list[str] | None, typer.Option("--upgrade-package", help="Take this package's newest.")
    ] = None,
    builder: BuilderOption = None,
    python_from: PythonOption = "auto",
    builder_base: BuilderBaseOption = None,
    allow_unconfined: UnconfinedOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pin every package and Python of a stack, by hash."""
    from ocistacks.cli.session import BuilderFlags, stack_session

    flags = BuilderFlags(
        allow_unconfined=allow_unconfined, builder_base=builder_base, python_origin=python_from
    )
    with stack_session(spec, overrides={"builder": builder}, flags=flags, quiet=quiet) as session:
        results = session.lock(upgrade=upgrade, upgrade_packages=tuple(upgrade_package or ()))
    for result in results:
        typer.echo(_described(result))


def _described(result: LockResult) -> str:
    from ocistacks.lock.lock_stack import changed_packages

    lines = [f"{result.lock.layer.environment_name}: {result.outcome}"]
    lost, gained = changed_packages(result)
    before = {package.name: package.version for package in lost}
    after = {package.name: package.version for package in gained}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None:
            lines.append(f"  + {name} {new}")
        elif new is None:
            lines.append(f"  - {name} {old}")
        else:
            lines.append(f"  {name} {old} -> {new}")
    return "\n".join(lines)
