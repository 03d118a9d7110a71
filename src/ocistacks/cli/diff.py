"""`ocistacks diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocistacks.cli.options import (
    InsecureOption,
    PlatformOption,
    ReferenceArgument,
    TalkOptions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.oci.stack_diff import LayerDiff, StackDiff


def diff(
    reference: ReferenceArgument,
    other: Annotated[
        str,
        typer.Argument(metavar="OTHER", help="What it is compared with, named in the same way."),
    ],
    talk: TalkOptions,
    platform: PlatformOption = None,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Name the files that differ.")
    ] = False,
    json: Annotated[bool, typer.Option("--json/--no-json", help="Tell it as JSON.")] = False,
    insecure: InsecureOption = False,
) -> None:
    """Compare two stacks: layers, packages, files, and the bytes from the one to the other."""
    from json import dumps

    from ocistacks.cli.remote import remote_stack
    from ocistacks.oci.open import open_source
    from ocistacks.oci.stack_diff import Side, diff_stacks
    from ocistacks.platforms import Platform
    from ocistacks.registry.reference import parse_reference

    second = parse_reference(other)
    with (
        remote_stack(reference, insecure=insecure, talk=talk) as remote,
        open_source(second, environment=remote.environment, insecure=insecure) as source,
    ):
        first = remote.reference
        found = diff_stacks(
            Side(
                source=remote.source,
                root=remote.source.resolve(first.target),
                name=str(first),
            ),
            Side(source=source, root=source.resolve(second.target), name=str(second)),
            platform or Platform.of_this_machine(),
        )
    if json:
        document = {"from": reference, "to": other, **found.to_json(with_files=files)}
        typer.echo(dumps(document, indent=2, sort_keys=True))
        return
    for line in _lines(found, with_files=files):
        typer.echo(line)


def _lines(found: StackDiff, *, with_files: bool) -> Iterator[str]:
    from ocistacks.cli.tables import printable, size, table_lines

    yield from table_lines(
        ("LAYER", "", "SIZE", "TO FETCH", "FILES"),
        (
            (
                layer.name,
                layer.status,
                size(layer.after.size) if layer.after is not None else "-",
                size(layer.fetch_size),
                _file_counts(layer),
            )
            for layer in found.layers
        ),
    )
    for layer in found.layers:
        for change in layer.packages or ():
            versions = f"{change.before or '(none)'} -> {change.after or '(none)'}"
            yield printable(f"{layer.name}: {change.name} {versions}")
        if with_files and layer.files is not None:
            changes = (("+", layer.files.added), ("-", layer.files.removed))
            for sign, names in (*changes, ("~", layer.files.changed)):
                yield from (printable(f"{layer.name}: {sign} {name}") for name in names)
    yield (
        f"who holds the first fetches {size(found.fetch_size)} of {size(found.size)} "
        f"for the second on {found.platform}"
    )


def _file_counts(layer: LayerDiff) -> str:
    if layer.files is None:
        return "-" if layer.status != "changed" else "unknown: no table of contents"
    counts = (
        f"{len(names)} {kind}"
        for kind, names in (
            ("added", layer.files.added),
            ("removed", layer.files.removed),
            ("changed", layer.files.changed),
        )
        if names
    )
    return ", ".join(counts) or "none"
