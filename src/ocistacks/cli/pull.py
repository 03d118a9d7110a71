"""`ocistacks pull`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ocistacks.cli.options import (
    InsecureOption,
    PlatformOption,
    QuietOption,
    ReferenceArgument,
)


def pull(
    reference: ReferenceArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or none yet.")],
    app: Annotated[
        list[str] | None,
        typer.Option("--app", help="Take this application with what it needs; may be repeated."),
    ] = None,
    platform: PlatformOption = None,
    insecure: InsecureOption = False,
    quiet: QuietOption = False,
) -> None:
    """Unpack a stack, or some of its applications, side by side into a folder."""
    from ocistacks.cli.console import ConsoleReporter
    from ocistacks.cli.tables import print_table, size
    from ocistacks.deploy.pull import pull_stack
    from ocistacks.oci.open import open_source
    from ocistacks.oci.reference import parse_reference
    from ocistacks.platforms import Platform
    from ocistacks.store.store import Store

    named = parse_reference(reference)
    reporter = ConsoleReporter(quiet=quiet)
    environment = dict(os.environ)
    with (
        reporter.live(),
        open_source(named, environment=environment, insecure=insecure) as source,
    ):
        pulled, linked = pull_stack(
            source,
            named.target,
            folder.absolute(),
            applications=tuple(app or ()),
            platform=platform or Platform.of_this_machine(),
            where=str(named),
            store=Store.default(environment),
            reporter=reporter,
        )
    print_table(
        ("LAYER", "", "SIZE", "FETCHED", "BLOB"),
        (
            (
                layer.listed.description.install_target,
                "fetched" if layer.fetched else "was there",
                size(layer.blob.size),
                size(layer.fetched),
                layer.blob.digest,
            )
            for layer in pulled
        ),
    )
    typer.echo(f"{folder}: {linked} of {len(pulled)} layers new")
