"""`ocistacks lock`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.layer_options import LayerOptions, StatusOptions
from ocistacks.cli.options import (
    BUILD_DIR,
    BuilderOptions,
    CleanOption,
    LockingOptions,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
    UnusedBuildDirOption,
)


def lock(
    spec: SpecArgument,
    layers: LayerOptions,
    locking: LockingOptions,
    status: StatusOptions,
    settings: SettingsOptions,
    builder: BuilderOptions,
    talk: TalkOptions,
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed/--no-if-needed", help="Leave layers with a valid lock alone."),
    ] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest of all.")] = False,
    upgrade_package: Annotated[
        list[str] | None,
        typer.Option("--upgrade-package", help="Take this package's newest; may be repeated."),
    ] = None,
    clean: CleanOption = False,
    build_dir: UnusedBuildDirOption = BUILD_DIR,
) -> None:
    """Pin every package and Python of a stack, by hash."""
    from ocistacks.cli.locking import lock_selected
    from ocistacks.cli.session import stack_session
    from ocistacks.lock.changes import layer_changes
    from ocistacks.selection.model import When, Wish

    wish = Wish(
        lock=When.IF_NEEDED if if_needed else When.ALWAYS,
        include=tuple(layers.include or ()),
        allow_missing=layers.allow_missing,
        reset_lock=tuple(locking.reset_lock or ()),
        lock_dependencies=locking.lock_dependencies,
    )
    flags = builder.flags(locking.python_from)
    with stack_session(spec, settings=settings, flags=flags, talk=talk) as session:
        selection = session.select(wish)
        if session.show(selection, status):
            return
        results = lock_selected(
            session,
            selection,
            locking,
            clean=clean,
            upgrade=upgrade,
            upgrade_packages=tuple(upgrade_package or ()),
        )
    for result in results:
        typer.echo(layer_changes(result))
