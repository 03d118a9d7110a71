"""`ocistacks publish`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ocistacks.cli.options import (
    BaseImageOption,
    BuilderBaseOption,
    BuilderOption,
    JobsOption,
    QuietOption,
    SpecArgument,
    UnconfinedOption,
)


def publish(
    spec: SpecArgument,
    output_dir: Annotated[
        Path, typer.Option("--output-dir", help="The folder to write into.")
    ] = Path("_artifacts"),
    base_image: BaseImageOption = None,
    builder: BuilderOption = None,
    builder_base: BuilderBaseOption = None,
    allow_unconfined: UnconfinedOption = False,
    jobs: JobsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a stack's archives, their metadata, and an OCI image layout of the same bytes."""
    from ocistacks.cli.send import send_stack
    from ocistacks.cli.session import BuilderFlags, stack_session
    from ocistacks.cli.tables import print_table, size
    from ocistacks.deploy.archive_request import PublishOptions
    from ocistacks.deploy.publish import LAYOUT_FOLDER, publish_archives
    from ocistacks.oci.reference import LayoutReference

    flags = BuilderFlags(allow_unconfined=allow_unconfined, builder_base=builder_base, jobs=jobs)
    overrides = {"builder": builder, "base_image": base_image}
    with stack_session(spec, overrides=overrides, flags=flags, quiet=quiet) as session:
        layers = session.build()
        output = output_dir.resolve()
        archives = publish_archives(
            layers,
            output,
            session.store,
            stack=session.stack,
            options=PublishOptions(
                threads=jobs or os.cpu_count() or 1, artifacts_in=f"oci:{LAYOUT_FOLDER}"
            ),
            reporter=session.reporter,
        )
        layout = LayoutReference(folder=output / LAYOUT_FOLDER, tag="latest")
        sent = send_stack(session, layers, layout)
    print_table(
        ("ARCHIVE", "", "SIZE", "SHA256"),
        (
            (
                str(archive.path),
                "written" if archive.changed else "up to date",
                size(archive.content.size),
                archive.content.digest.hex,
            )
            for archive in archives
        ),
    )
    typer.echo(f"{layout}: {sent.summary.manifests} documents, stack {sent.digest}")
