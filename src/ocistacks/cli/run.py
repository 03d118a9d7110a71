"""`ocistacks run`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.options import InsecureOption, ReferenceArgument, TalkOptions


def run(
    reference: ReferenceArgument,
    talk: TalkOptions,
    application: Annotated[str, typer.Argument(metavar="APP", help="The application's name.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="What the application is told.")
    ] = None,
    insecure: InsecureOption = False,
) -> None:
    """Pull an application if needed, then become it."""
    from ocistacks.cli.remote import remote_stack
    from ocistacks.deploy.run import become, prepare_application
    from ocistacks.platforms import Platform

    with remote_stack(reference, insecure=insecure, talk=talk) as remote:
        python, launch_module = prepare_application(
            remote.source,
            remote.reference.target,
            application,
            platform=Platform.of_this_machine(),
            where=str(remote.reference),
            store=remote.store,
            reporter=remote.reporter,
        )
    become(python, launch_module, arguments or (), remote.environment)
