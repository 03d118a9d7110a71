"""`ocistacks push`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    AttestationsOption,
    BuilderOptions,
    CacheOption,
    InsecureOption,
    PlanOptions,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from ocistacks.registry.reference import LayoutReference, RegistryReference
    from ocistacks.spec.model import StackSpec


def push(
    spec: SpecArgument,
    settings: SettingsOptions,
    builder: BuilderOptions,
    plan: PlanOptions,
    talk: TalkOptions,
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[REFERENCE]",
            help="HOST/REPOSITORY[:TAG] in a registry, or oci:FOLDER[:TAG] on disk; by default the "
            "setting repository.",
        ),
    ] = None,
    attestations: AttestationsOption = True,
    insecure: InsecureOption = False,
    cache: CacheOption = True,
) -> None:
    """Send a stack to a registry or an image layout; nothing that is there already is sent."""
    from ocistacks.cli.base_images import open_base_images
    from ocistacks.cli.plans import print_plans, told_summary
    from ocistacks.cli.send import layer_repository, plan_sending, send_stack
    from ocistacks.cli.session import stack_session
    from ocistacks.registry.reference import parse_reference

    plan.check()
    # A reference that is none is told before anything else is looked at.
    target = parse_reference(reference) if reference is not None else None
    with stack_session(
        spec, settings=settings, flags=builder.flags(cache=cache), talk=talk
    ) as session:
        # What cannot be pushed is told before anything is built.
        target = target or _of_settings(session.stack)
        layer_repository(session, target)
        with open_base_images(session, needs_images=True) as bases:
            layers = session.build(target=target, insecure=insecure)
            if plan.dry_run:
                planned = plan_sending(session, layers, target, bases=bases, insecure=insecure)
                print_plans(planned.transfers, digest=planned.digest, as_json=plan.json)
                return
            sent = send_stack(
                session, layers, target, bases=bases, insecure=insecure, attest=attestations
            )
    typer.echo(told_summary(f"{target}@{sent.digest}", sent.summary))
    if sent.shared is not None:
        typer.echo(told_summary(*sent.shared))
    for layer in layers:
        if layer.origin is not None:
            typer.echo(f"{layer.plan.request.install_target}: from {layer.origin}")
    if sent.attestations is not None:
        typer.echo(
            f"attestations: sent {sent.attestations.sent}, {sent.attestations.present} were there"
        )
    for name in sent.image_tags:
        typer.echo(f"application image: {name}")


def _of_settings(stack: StackSpec) -> LayoutReference | RegistryReference:
    from ocistacks.errors import UsageError
    from ocistacks.registry.reference import DEFAULT_TAG, parse_reference

    if stack.settings.repository is None:
        raise UsageError(
            "It is not said where the stack is pushed to.",
            where=str(stack.path),
            expected="a reference behind the specification, or the setting repository",
            hint="ocistacks push SPEC HOST/REPOSITORY:TAG",
        )
    return parse_reference(f"{stack.settings.repository}:{DEFAULT_TAG}")
