"""`ocistacks push`."""

from __future__ import annotations

import typer

from ocistacks.cli.options import (
    BaseImageOption,
    BuilderBaseOption,
    BuilderOption,
    InsecureOption,
    JobsOption,
    QuietOption,
    ReferenceArgument,
    SpecArgument,
    UnconfinedOption,
)


def push(
    spec: SpecArgument,
    reference: ReferenceArgument,
    base_image: BaseImageOption = None,
    insecure: InsecureOption = False,
    builder: BuilderOption = None,
    builder_base: BuilderBaseOption = None,
    allow_unconfined: UnconfinedOption = False,
    jobs: JobsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Send a stack to a registry or an image layout; nothing that is there already is sent."""
    from ocistacks.cli.send import send_stack
    from ocistacks.cli.session import BuilderFlags, stack_session
    from ocistacks.cli.tables import size
    from ocistacks.oci.reference import parse_reference

    target = parse_reference(reference)
    flags = BuilderFlags(allow_unconfined=allow_unconfined, builder_base=builder_base, jobs=jobs)
    overrides = {"builder": builder, "base_image": base_image}
    with stack_session(spec, overrides=overrides, flags=flags, quiet=quiet) as session:
        sent = send_stack(session, session.build(), target, insecure=insecure)
    summary = sent.summary
    typer.echo(
        f"{target}@{sent.digest}: sent {summary.sent_blobs} blobs ({size(summary.sent_bytes)}), "
        f"{summary.present_blobs} were there ({size(summary.present_bytes)})"
    )
    for name in sent.image_tags:
        typer.echo(f"application image: {name}")
