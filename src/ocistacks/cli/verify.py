"""`ocistacks verify`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ocistacks.cli.options import (
    BuilderOptions,
    InsecureOption,
    PlatformOption,
    ReferenceArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ocistacks.builder.task import Builder
    from ocistacks.cli.remote import RemoteStack
    from ocistacks.deploy.verify import VerifiedStack


def verify(
    reference: ReferenceArgument,
    talk: TalkOptions,
    builder_options: BuilderOptions,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Build each layer again, and compare it byte for byte."),
    ] = False,
    attestations: Annotated[
        bool,
        typer.Option(
            "--attestations/--no-attestations",
            help="Look at provenance and SBOMs, too; a layer without is a fault then.",
        ),
    ] = True,
    platform: PlatformOption = None,
    insecure: InsecureOption = False,
    builder: Annotated[
        Literal["auto", "docker", "podman", "local"],
        typer.Option("--builder", envvar="OCISTACKS_BUILDER", help="Where layers are built again."),
    ] = "auto",
) -> None:
    """Read all of a stack, and compare it with what its documents promise; tell all faults."""
    from ocistacks.cli.remote import remote_stack
    from ocistacks.deploy.verify import verify_stack
    from ocistacks.deploy.verify_report import failure
    from ocistacks.errors import UsageError

    if rebuild and not attestations:
        raise UsageError(
            "A layer is built again from its provenance.",
            found="--rebuild and --no-attestations",
            expected="one of them",
        )
    with remote_stack(reference, insecure=insecure, talk=talk) as remote:
        verified = verify_stack(
            remote.source,
            remote.reference.target,
            platform=platform,
            attestations=attestations,
            where=str(remote.reference),
            reporter=remote.reporter,
        )
        if rebuild:
            _rebuild(verified, remote, builder, builder_options)
    _print(verified)
    fault = failure(verified.reports, where=str(remote.reference))
    if fault is not None:
        raise fault
    typer.echo(
        f"{remote.reference}@{verified.digest}: {len(verified.layers)} layers and "
        f"{len(verified.images)} images are what they promise"
    )


def _rebuild(
    verified: VerifiedStack,
    remote: RemoteStack,
    builder: Literal["auto", "docker", "podman", "local"],
    options: BuilderOptions,
) -> None:
    from ocistacks.builder.choose import open_builder
    from ocistacks.builder.image import ImageOptions
    from ocistacks.builder.rebuild import RebuildOptions
    from ocistacks.deploy.verify import rebuild_stack

    def open_one() -> AbstractContextManager[Builder]:
        return open_builder(
            builder,
            store=remote.store,
            image_options=ImageOptions(
                base_image=options.builder_base,
                environment=remote.environment,
                say=remote.reporter.say,
            ),
            allow_unconfined=options.allow_unconfined,
        )

    rebuild_stack(
        verified,
        remote.source,
        store=remote.store,
        open_builder=open_one,
        options=RebuildOptions(
            environment=remote.environment, jobs=options.jobs or os.cpu_count() or 1
        ),
        reporter=remote.reporter,
    )


def _print(verified: VerifiedStack) -> None:
    from ocistacks.cli.tables import print_table
    from ocistacks.deploy.verify_report import Check

    done = [check for check in Check if any(check in each.faults for each in verified.reports)]
    print_table(
        ("LAYER", "PLATFORM", *(check.upper() for check in done)),
        (
            (report.name, report.platform, *(report.outcome(check) for check in done))
            for report in verified.reports
        ),
    )
