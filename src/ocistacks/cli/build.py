"""`ocistacks build`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.options import (
    BuilderBaseOption,
    BuilderOption,
    JobsOption,
    QuietOption,
    SpecArgument,
    UnconfinedOption,
)


def build(
    spec: SpecArgument,
    force: Annotated[bool, typer.Option("--force", help="Build again what is there.")] = False,
    builder: BuilderOption = None,
    builder_base: BuilderBaseOption = None,
    allow_unconfined: UnconfinedOption = False,
    jobs: JobsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Build every layer of a locked stack, once."""
    from ocistacks.cli.session import BuilderFlags, stack_session
    from ocistacks.cli.tables import built_table

    flags = BuilderFlags(allow_unconfined=allow_unconfined, builder_base=builder_base, jobs=jobs)
    with stack_session(spec, overrides={"builder": builder}, flags=flags, quiet=quiet) as session:
        layers = session.build(force=force)
    built_table(layers)
