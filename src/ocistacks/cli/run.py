"""`ocistacks run`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ocistacks.cli.options import InsecureOption, QuietOption, ReferenceArgument


def run(
    reference: ReferenceArgument,
    application: Annotated[str, typer.Argument(metavar="APP", help="The application's name.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="What the application is told.")
    ] = None,
    insecure: InsecureOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pull an application if needed, then become it."""
    from ocistacks.cli.console import ConsoleReporter
    from ocistacks.deploy.run import become, prepare_application
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
        python, launch_module = prepare_application(
            source,
            named.target,
            application,
            platform=Platform.of_this_machine(),
            where=str(named),
            store=Store.default(environment),
            reporter=reporter,
        )
    become(python, launch_module, arguments or (), environment)
