"""`ocistacks builder`: the images that layers are built in and on, and pulled with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from ocistacks.cli.groups import grouped
from ocistacks.cli.options import BuilderBaseOption, TalkOptions

builder = typer.Typer(
    help="The images that layers are built in and on.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@builder.command("build")
@grouped
def build_image(
    talk: TalkOptions,
    engine: Annotated[
        Literal["auto", "docker", "podman"], typer.Option("--engine", help="Where to build it.")
    ] = "auto",
    target: Annotated[
        Literal["builder", "python-source", "puller"],
        typer.Option(
            "--target", help="For layers, for compiling Python, or for pulling in a cluster."
        ),
    ] = "builder",
    builder_base: BuilderBaseOption = None,
) -> None:
    """Build the builder image, or another of Containerfile.builder's, and print its tag."""
    from ocistacks.builder import image
    from ocistacks.builder.choose import open_engine

    environment = dict(os.environ)
    options = image.ImageOptions(
        base_image=builder_base, environment=environment, say=talk.reporter().say
    )
    with open_engine(engine, environment) as (client, name):
        typer.echo(image.build_image(client, name, target, options))


@builder.command("base")
@grouped
def make_base(
    talk: TalkOptions,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or none yet.")],
) -> None:
    """Make a base image for applications with mmdebstrap, where no registry has one.

    Name it as base_image: oci:DIR.
    """
    import tempfile

    from ocistacks.builder.base_image import APPLICATION_PACKAGES, debian_archive
    from ocistacks.oci.debian_base import write_base_layout
    from ocistacks.platforms import Platform

    with (
        talk.reporter().task("mmdebstrap", unit="steps"),
        tempfile.TemporaryDirectory(prefix="ocistacks-base-") as temporary,
    ):
        archive = Path(temporary) / "base.tar"
        debian_archive(archive, variant="essential", packages=APPLICATION_PACKAGES)
        digest = write_base_layout(archive, folder, Platform.of_this_machine(), "latest")
    typer.echo(f"oci:{folder}:latest@{digest}")
