"""`ocistacks sbom`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.options import (
    InsecureOption,
    PlatformOption,
    ReferenceArgument,
    TalkOptions,
)


def sbom(
    reference: ReferenceArgument,
    talk: TalkOptions,
    app: Annotated[
        str | None, typer.Option("--app", help="The SBOM of this application's image.")
    ] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="The SBOM of this layer.")] = None,
    platform: PlatformOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Print what a stack's application, or one of its layers, is made of: CycloneDX as JSON."""
    from ocistacks.cli.remote import remote_stack
    from ocistacks.deploy.sboms import stack_sbom
    from ocistacks.errors import UsageError
    from ocistacks.platforms import Platform

    if app is not None and layer is not None:
        raise UsageError(
            "An application and a layer have an SBOM each.",
            found="--app and --layer",
            expected="one of them",
        )
    with remote_stack(reference, insecure=insecure, talk=talk) as remote:
        content = stack_sbom(
            remote.source,
            remote.reference.target,
            platform or Platform.of_this_machine(),
            application=app,
            layer=layer,
            where=str(remote.reference),
        )
    typer.echo(content.decode())
