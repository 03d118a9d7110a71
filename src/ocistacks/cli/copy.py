"""`ocistacks copy`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    AttestationsOption,
    InsecureOption,
    PlanOptions,
    ReferenceArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ocistacks.oci.attestations import AttestationSink
    from ocistacks.oci.transfer_plan import MountSource
    from ocistacks.registry.reference import LayoutReference, RegistryReference


def copy(
    reference: ReferenceArgument,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="HOST/REPOSITORY[:TAG] in a registry, or oci:FOLDER[:TAG] on disk.",
        ),
    ],
    plan: PlanOptions,
    talk: TalkOptions,
    attestations: AttestationsOption = True,
    insecure: InsecureOption = False,
) -> None:
    """Copy a stack, a layer or an image with all below it; digests stay, tags come along."""
    from ocistacks.cli.plans import PlannedTransfer, print_plans, told_summary
    from ocistacks.cli.remote import remote_stack
    from ocistacks.oci.copy_referrers import copy_referrers
    from ocistacks.oci.stack_tags import WithIndexes, stack_tags
    from ocistacks.oci.transfer import copy_objects, plan_copy
    from ocistacks.registry.reference import DEFAULT_TAG, parse_reference

    plan.check()
    to = parse_reference(target)
    tag = to.tag or DEFAULT_TAG
    with (
        remote_stack(reference, insecure=insecure, talk=talk) as remote,
        _opened(
            remote.reference,
            to,
            environment=remote.environment,
            insecure=insecure,
            dry_run=plan.dry_run,
        ) as (sink, mount_from),
    ):
        root = remote.source.resolve(remote.reference.target)
        beside = stack_tags(remote.source, root, tag=tag)
        source = WithIndexes(remote.source, beside.indexes)
        if plan.dry_run:
            planned = plan_copy(source, sink, root, extra_tags=beside.tags, mount_from=mount_from)
            tags = {**beside.tags, tag: root.digest}
            transfer = PlannedTransfer(target=target, plan=planned, tags=tags)
            print_plans((transfer,), digest=root.digest, as_json=plan.json)
            return
        summary = copy_objects(
            source,
            sink,
            root,
            extra_tags=beside.tags,
            mount_from=mount_from,
            blobs=remote.source,
            reporter=remote.reporter,
        )
        copied = copy_referrers(remote.source, sink, root) if attestations else None
        sink.write_manifest(remote.source.read_manifest(root), root.media_type, tag)
    typer.echo(told_summary(f"{to}@{root.digest}", summary))
    if copied is not None:
        typer.echo(f"attestations: sent {copied.sent}, {copied.present} were there")
    for name in sorted(beside.tags):
        typer.echo(f"tag: {name}")


@contextmanager
def _opened(
    reference: LayoutReference | RegistryReference,
    target: LayoutReference | RegistryReference,
    *,
    environment: Mapping[str, str],
    insecure: bool,
    dry_run: bool,
) -> Iterator[tuple[AttestationSink, MountSource | None]]:
    """Open the target; where it is in the same registry, all blobs may be mounted."""
    from ocistacks.oci.open import open_sink
    from ocistacks.oci.transfer_plan import MountSource
    from ocistacks.registry.reference import RegistryReference

    mount_from = None
    if (
        isinstance(reference, RegistryReference)
        and isinstance(target, RegistryReference)
        and reference.host == target.host
        and reference.repository != target.repository
    ):
        mount_from = MountSource(repository=reference.repository, has_blob=lambda _digest: True)
    with open_sink(target, environment=environment, insecure=insecure, dry_run=dry_run) as sink:
        yield sink, mount_from
