"""`ocistacks local-export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ocistacks.cli.layer_options import LayerOptions, RelatedOptions, StatusOptions
from ocistacks.cli.options import (
    BUILD_DIR,
    EXPORT_DIR,
    BuilderOptions,
    CacheOption,
    DryRunOption,
    ForceOption,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
    UnusedBuildDirOption,
)


def local_export(
    spec: SpecArgument,
    layers: LayerOptions,
    related: RelatedOptions,
    status: StatusOptions,
    settings: SettingsOptions,
    builder: BuilderOptions,
    talk: TalkOptions,
    output_dir: Annotated[
        Path,
        typer.Option("--output-dir", help="The folder to write into, from the specification's."),
    ] = EXPORT_DIR,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy files, so that they can be changed.")
    ] = False,
    force: ForceOption = False,
    cache: CacheOption = True,
    dry_run: DryRunOption = False,
    build_dir: UnusedBuildDirOption = BUILD_DIR,
) -> None:
    """Lay out a stack's layers side by side in a folder, with their metadata."""
    from ocistacks.cli.session import stack_session
    from ocistacks.cli.tables import print_table
    from ocistacks.deploy.export import ExportOptions, export_layers, export_request

    with stack_session(
        spec, settings=settings, flags=builder.flags(cache=cache), talk=talk
    ) as session:
        selection = session.select(related.wish_to_publish(layers))
        if session.show(selection, status):
            return
        if dry_run:
            request = export_request(session.plans(selection.to_publish))
            typer.echo(json.dumps(request, indent=2, sort_keys=True))
            return
        exported = export_layers(
            session.build(selection.to_publish),
            session.folder(output_dir),
            session.store,
            stack=session.stack,
            options=ExportOptions(force=force, copy=copy),
            reporter=session.reporter,
        )
    print_table(
        ("LAYER", ""),
        ((str(layer.path), "written" if layer.changed else "up to date") for layer in exported),
    )
