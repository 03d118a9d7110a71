"""`ocistacks store`: what this machine keeps."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.groups import grouped
from ocistacks.cli.options import TalkOptions

if TYPE_CHECKING:
    from ocistacks.store.store import Store

store = typer.Typer(
    help="What this machine keeps of stacks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_SECONDS_A_DAY = 86_400.0

JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON, sizes in bytes.")]


@store.command("ls")
def list_store(as_json: JsonOption = False) -> None:
    """List what lies in the store, with sizes, and who uses which layer."""
    from ocistacks.cli.tables import print_table, size
    from ocistacks.store.inventory import take_inventory

    inventory = take_inventory(_store())
    if as_json:
        document = {
            "root": str(inventory.root),
            "size": inventory.size,
            "kinds": {
                kind.folder: {"count": kind.count, "size": kind.size} for kind in inventory.kinds
            },
            "trees": [
                {
                    "blob": tree.blob,
                    "install_target": tree.install_target,
                    "files": tree.files,
                    "size": tree.size,
                    "idle_seconds": round(tree.idle),
                    "folders": [str(folder) for folder in tree.folders],
                }
                for tree in inventory.trees
            ],
        }
        typer.echo(json.dumps(document, indent=2, sort_keys=True))
        return
    print_table(
        ("LAYER", "FILES", "SIZE", "UNUSED FOR", "BLOB", "IN"),
        (
            (
                tree.install_target,
                str(tree.files),
                size(tree.size),
                _days(tree.idle),
                tree.blob.short,
                ", ".join(map(str, tree.folders)) or "-",
            )
            for tree in inventory.trees
        ),
    )
    typer.echo()
    print_table(
        ("KIND", "NUMBER", "SIZE", ""),
        ((kind.folder, str(kind.count), size(kind.size), kind.meaning) for kind in inventory.kinds),
    )
    typer.echo(f"\n{inventory.root}: {size(inventory.size)}")


@store.command("gc")
@grouped
def clean_store(
    talk: TalkOptions,
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Keep what was used since then."),
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would go.")
    ] = False,
) -> None:
    """Remove what nothing uses; layers of deployments stay."""
    from ocistacks.cli.tables import print_table, size
    from ocistacks.deploy.garbage import collect_garbage

    opened = _store()
    garbage = collect_garbage(
        opened,
        older_than=older_than * _SECONDS_A_DAY,
        dry_run=dry_run,
        reporter=talk.reporter(),
    )
    reasons: dict[str, list[int]] = {}
    for each in garbage:
        reasons.setdefault(each.reason, []).append(each.size)
    if reasons:
        print_table(
            ("NUMBER", "SIZE", "WHAT"),
            (
                (str(len(sizes)), size(sum(sizes)), reason)
                for reason, sizes in sorted(reasons.items())
            ),
        )
    freed = size(sum(each.size for each in garbage))
    typer.echo(f"{opened.root}: {freed} {'would be' if dry_run else ''} freed".replace("  ", " "))


@store.command("verify")
@grouped
def verify_store(
    talk: TalkOptions,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged, to be fetched again.")
    ] = False,
) -> None:
    """Hold everything in the store to its digest; exit with 8 where something is damaged."""
    from ocistacks.cli.tables import size
    from ocistacks.errors import DigestError
    from ocistacks.store.audit import audit_store, repair_store
    from ocistacks.store.usage import alone, shared

    opened = _store()
    reporter = talk.reporter()
    usage = opened.usage_path()
    with alone(usage, wait=True) if repair else shared(usage), reporter.live():
        audit = audit_store(opened, jobs=os.cpu_count() or 1, reporter=reporter)
        if repair:
            repair_store(opened, audit)
    for fault in audit.faults:
        typer.echo(f"{fault.path}\n  found: {fault.found}\n  expected: {fault.expected}")
    counts = (
        f"{audit.blobs} blobs, {audit.files} files and {audit.trees} layers "
        f"({size(audit.size)}) verified"
    )
    if audit.faults and not repair:
        raise DigestError(
            "The store holds what is not what its name says.",
            where=str(opened.root),
            found=f"{len(audit.faults)} faults in {counts}",
            hint="ocistacks store verify --repair removes it, to be fetched or built again",
        )
    removed = f", {len(audit.faults)} damaged ones removed" if audit.faults else ""
    typer.echo(f"{opened.root}: {counts}{removed}")


@store.command("path")
def print_path(
    digest: Annotated[
        str | None,
        typer.Argument(metavar="[DIGEST]", help="A blob's; without one, the store itself."),
    ] = None,
) -> None:
    """Print where the store is, or where in it a blob or its unpacked layer is."""
    from ocistacks.digests import Digest
    from ocistacks.errors import NotFoundError

    opened = _store()
    if digest is None:
        typer.echo(opened.root)
        return
    wanted = Digest(digest)
    found = [path for path in (opened.tree_path(wanted), opened.blob_path(wanted)) if path.exists()]
    if not found:
        raise NotFoundError(
            "The store does not have this blob, nor its unpacked layer.",
            where=str(opened.root),
            found=digest,
            hint="ocistacks store ls --json lists the layers",
        )
    for path in found:
        typer.echo(path)


def _store() -> Store:
    from ocistacks.store.store import Store

    return Store.default(dict(os.environ))


def _days(seconds: float) -> str:
    days = int(seconds // _SECONDS_A_DAY)
    return f"{days} days" if days else f"{int(seconds // 3600)} hours"
