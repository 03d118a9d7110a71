"""`ocistacks pull`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    InsecureOption,
    PlatformOption,
    ReferenceArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.deploy.pull import PulledLayer


def pull(
    reference: ReferenceArgument,
    talk: TalkOptions,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or none yet.")],
    app: Annotated[
        list[str] | None,
        typer.Option("--app", help="Take this application with what it needs; may be repeated."),
    ] = None,
    platform: PlatformOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Unpack a stack, or some of its applications, side by side into a folder."""
    from ocistacks.cli.remote import remote_stack
    from ocistacks.cli.tables import print_table, size
    from ocistacks.deploy.pull import pull_stack
    from ocistacks.platforms import Platform

    with remote_stack(reference, insecure=insecure, talk=talk) as remote:
        pulled, linked = pull_stack(
            remote.source,
            remote.reference.target,
            folder.absolute(),
            applications=tuple(app or ()),
            platform=platform or Platform.of_this_machine(),
            where=str(remote.reference),
            store=remote.store,
            reporter=remote.reporter,
        )
    if talk.log_format == "json":
        typer.echo(_as_json(folder, pulled, linked))
        return
    print_table(
        ("LAYER", "", "SIZE", "FETCHED", "REUSED", "BLOB"),
        (
            (
                layer.listed.description.install_target,
                "fetched" if layer.fetched else "was there",
                size(layer.blob.size),
                size(layer.fetched),
                size(layer.reused),
                layer.blob.digest,
            )
            for layer in pulled
        ),
    )
    fetched = sum(layer.fetched for layer in pulled)
    spared = sum(layer.blob.size - layer.fetched for layer in pulled)
    typer.echo(
        f"{folder}: {linked} of {len(pulled)} layers new; "
        f"fetched {size(fetched)}, {size(max(0, spared))} were not needed"
    )


def _as_json(folder: Path, pulled: Sequence[PulledLayer], linked: int) -> str:
    from ocistacks.cli.log_lines import json_line

    layers = [
        {
            "layer": layer.listed.description.install_target,
            "digest": layer.blob.digest,
            "size": layer.blob.size,
            "fetched": layer.fetched,
            "reused": layer.reused,
        }
        for layer in pulled
    ]
    return json_line("pulled", folder=str(folder), new=linked, layers=layers)
