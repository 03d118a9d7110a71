"""`ocistacks build`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.layer_options import BuildRelatedOptions, LayerOptions, StatusOptions
from ocistacks.cli.options import (
    BUILD_DIR,
    BuildDirOption,
    BuilderOptions,
    CacheOption,
    CleanOption,
    ForceOption,
    LockingOptions,
    PublishingOptions,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
)


def build(
    spec: SpecArgument,
    layers: LayerOptions,
    related: BuildRelatedOptions,
    locking: LockingOptions,
    publishing: PublishingOptions,
    status: StatusOptions,
    settings: SettingsOptions,
    builder: BuilderOptions,
    talk: TalkOptions,
    lock_if_needed: Annotated[
        bool,
        typer.Option(
            "--lock-if-needed/--no-lock-if-needed",
            "--lock/--no-lock",
            help="Lock layers that have no valid lock, first.",
        ),
    ] = False,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="Build what is not there yet.")
    ] = True,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Publish what was built.")
    ] = False,
    clean: CleanOption = False,
    force: ForceOption = False,
    cache: CacheOption = True,
    build_dir: BuildDirOption = BUILD_DIR,
) -> None:
    """Build the layers of a locked stack, each once, and lay them out side by side."""
    from ocistacks.cli.session import stack_session
    from ocistacks.selection.model import When, Wish

    everywhere = related.include_dependencies
    wish = Wish(
        lock=When.IF_NEEDED if lock_if_needed else When.NEVER,
        build=build,
        publish=True,
        include=tuple(layers.include or ()),
        allow_missing=layers.allow_missing,
        reset_lock=tuple(locking.reset_lock or ()),
        lock_dependencies=locking.lock_dependencies if everywhere is None else everywhere,
        build_dependencies=related.build_dependencies if everywhere is None else everywhere,
        publish_dependencies=related.publish_dependencies if everywhere is None else everywhere,
        build_derived=related.build_derived,
        publish_derived=related.publish_derived,
    )
    flags = builder.flags(locking.python_from, cache=cache)
    with stack_session(spec, settings=settings, flags=flags, talk=talk) as session:
        selection = session.select(wish)
        if session.show(selection, status):
            return
        if lock_if_needed or session.stale(selection.to_lock) or selection.to_reset:
            from ocistacks.cli.locking import lock_selected

            lock_selected(session, selection, locking, clean=clean)
        names = selection.to_build if build else selection.to_publish
        built = session.build(names, force=force or clean, may_build=build)
        if build:
            session.lay_out(built, build_dir)
        if not publish:
            from ocistacks.cli.tables import built_table

            built_table(built)
            return
        from ocistacks.cli.publishing import print_published, publish_selected

        published = publish_selected(session, built, selection, publishing, force=clean)
    print_published(published)
