"""Tables of results, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.filesize import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocistacks.builder.build_stack import BuiltLayer


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without frames, whose lines are never cut."""
    lines = [columns, *rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    return decimal(count)


def built_table(layers: Sequence[BuiltLayer]) -> None:
    """Print what was built: layer, outcome, sizes, digest."""
    print_table(
        ("LAYER", "PLATFORM", "", "SIZE", "UNPACKED", "BLOB"),
        (
            (
                layer.plan.request.install_target,
                layer.plan.request.platform,
                layer.outcome,
                size(layer.blob.size),
                size(layer.blob.uncompressed_size),
                layer.blob.digest,
            )
            for layer in layers
        ),
    )
