"""Tables of results, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.filesize import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ocistacks.builder.build_stack import BuiltLayer


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without frames, whose lines are never cut."""
    for line in table_lines(columns, rows):
        typer.echo(line)


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of such a table; what a terminal would obey in strangers' names is not."""
    lines = [columns, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def printable(text: str) -> str:
    """Return a stranger's text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


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
                f"from {layer.origin}" if layer.origin is not None else layer.outcome,
                size(layer.blob.size),
                size(layer.blob.uncompressed_size),
                layer.blob.digest,
            )
            for layer in layers
        ),
    )
