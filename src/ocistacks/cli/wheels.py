"""`ocistacks wheels`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    BuilderBaseOption,
    PythonFromOption,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement


def wheels(
    spec: SpecArgument,
    settings: SettingsOptions,
    talk: TalkOptions,
    packages: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PACKAGE]...",
            help="What to build, such as demo==1.0; without it, what the stack lacks wheels of.",
        ),
    ] = None,
    output_dir: Annotated[
        Path,
        typer.Option("--output-dir", help="The folder for wheels, from the specification's."),
    ] = Path("wheels"),
    force: Annotated[bool, typer.Option("--force", help="Build again what is there.")] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest of what builds require.")
    ] = False,
    python_from: PythonFromOption = "auto",
    builder_base: BuilderBaseOption = None,
) -> None:
    """Build wheels of packages that have none, from their sdists, without network."""
    from ocistacks.cli.session import BuilderFlags, stack_session
    from ocistacks.cli.tables import print_table, size
    from ocistacks.platforms import Platform
    from ocistacks.wheels.build_wheel import WheelBuilds, WheelOptions
    from ocistacks.wheels.stack_wheels import build_missing, build_named

    named = _requirements(packages or ())
    flags = BuilderFlags(builder_base=builder_base, python_origin=python_from)
    with stack_session(spec, settings=settings, flags=flags, talk=talk) as session:
        builds = WheelBuilds(
            stack=session.stack,
            store=session.store,
            options=WheelOptions(
                output=session.folder(output_dir),
                platform=Platform.of_this_machine(),
                environment=session.environment,
                force=force,
                upgrade=upgrade,
            ),
            resolve_python=session.resolve_python,
            open_builder=session.open_builder,
            reporter=session.reporter,
        )
        results = build_named(builds, named) if named else build_missing(builds)
    print_table(
        ("PACKAGE", "VERSION", "", "SIZE", "WHEEL"),
        (
            (
                result.name,
                result.version,
                result.outcome,
                size(result.wheel.size),
                result.wheel.filename,
            )
            for result in results
        ),
    )


def _requirements(texts: Iterable[str]) -> list[Requirement]:
    from packaging.requirements import InvalidRequirement, Requirement

    from ocistacks.errors import UsageError

    try:
        return [Requirement(text) for text in texts]
    except InvalidRequirement as error:
        raise UsageError(
            "A package to build is not named as requirements are.",
            where="PACKAGE",
            found=str(error).partition("\n")[0],
            expected="a name and versions, such as 'demo==1.0'",
        ) from error
