"""Tables of results, on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocistacks.builder.build_stack import BuiltLayer

_WIDE = 1000


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without frames; what is no terminal gets lines that are not cut."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


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
