"""What `push` and `copy` did, or in a dry run would do with each object, for stdout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from ocistacks.cli.tables import print_table, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.digests import Digest
    from ocistacks.oci.transfer import TransferSummary
    from ocistacks.oci.transfer_plan import TransferPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTransfer:
    """What would be done in one repository or layout, and which tags (to digest) would be set."""

    target: str
    plan: TransferPlan
    tags: Mapping[str, str]


def print_plans(plans: Sequence[PlannedTransfer], *, digest: Digest, as_json: bool) -> None:
    """Print what would be sent to each target, in the order in which it would be."""
    if as_json:
        document = {
            "digest": digest,
            "transfers": [
                {"target": each.target, "tags": dict(each.tags), **each.plan.to_json()}
                for each in plans
            ],
        }
        typer.echo(json.dumps(document, indent=2, sort_keys=True))
        return
    for each in plans:
        typer.echo(f"{each.target}, which is not changed:")
        print_table(
            ("ACTION", "KIND", "NAME", "SIZE", "DIGEST"),
            (
                (planned.action, planned.kind, planned.name, size(planned.size), planned.digest)
                for planned in each.plan.objects()
            ),
        )
        totals = (
            f"{action} {total.objects} ({size(total.size)})"
            for action, total in each.plan.totals().items()
        )
        typer.echo(f"total: {', '.join(totals)}")
        typer.echo(f"tags: {', '.join(each.tags)}")


def told_summary(target: str, summary: TransferSummary) -> str:
    """Return the line that tells what a transfer did."""
    return (
        f"{target}: sent {summary.sent_blobs} blobs ({size(summary.sent_bytes)}), "
        f"{summary.mounted_blobs} mounted ({size(summary.mounted_bytes)}), "
        f"{summary.present_blobs} were there ({size(summary.present_bytes)})"
    )
