"""`ocistacks push`."""

from __future__ import annotations

import typer

from ocistacks.cli.options import (
    BuilderOptions,
    InsecureOption,
    ReferenceArgument,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
)


def push(
    spec: SpecArgument,
    reference: ReferenceArgument,
    settings: SettingsOptions,
    builder: BuilderOptions,
    talk: TalkOptions,
    insecure: InsecureOption = False,
) -> None:
    """Send a stack to a registry or an image layout; nothing that is there already is sent."""
    from ocistacks.cli.send import send_stack
    from ocistacks.cli.session import stack_session
    from ocistacks.cli.tables import size
    from ocistacks.oci.reference import parse_reference

    target = parse_reference(reference)
    with stack_session(spec, settings=settings, flags=builder.flags(), talk=talk) as session:
        sent = send_stack(session, session.build(), target, insecure=insecure)
    summary = sent.summary
    typer.echo(
        f"{target}@{sent.digest}: sent {summary.sent_blobs} blobs ({size(summary.sent_bytes)}), "
        f"{summary.present_blobs} were there ({size(summary.present_bytes)})"
    )
    for name in sent.image_tags:
        typer.echo(f"application image: {name}")
