"""`ocistacks show`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.layer_options import LayerOptions
from ocistacks.cli.options import (
    BUILD_DIR,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
    UnusedBuildDirOption,
)


def show(
    spec: SpecArgument,
    layers: LayerOptions,
    talk: TalkOptions,
    json: Annotated[
        bool, typer.Option("--json/--no-json", help="As JSON, with venvstacks' keys.")
    ] = False,
    build_dir: UnusedBuildDirOption = BUILD_DIR,
) -> None:
    """Show a stack's layers, what each stands on, and with a star what needs locking."""
    from ocistacks.cli.session import BuilderFlags, show_status, stack_session
    from ocistacks.lock.status import stack_status
    from ocistacks.selection.model import When, Wish

    wish = Wish(
        lock=When.ALWAYS,
        lock_dependencies=True,
        include=tuple(layers.include or ()),
        allow_missing=layers.allow_missing,
    )
    with stack_session(
        spec, settings=SettingsOptions(), flags=BuilderFlags(), talk=talk
    ) as session:
        status = stack_status(session.stack, session.select(wish), with_operations=False)
    show_status(status, as_json=json, with_dependencies=True)
