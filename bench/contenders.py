"""What benchmarks let run in turn, and the table of how they did."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass
class Contender:
    """``run`` gives the seconds that it took, and another number, of which the largest is kept."""

    name: str
    run: Callable[[], tuple[float, int]]
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    number: int = 0

    def race(self, reference: float | None = None) -> float:
        """Run once; ``reference`` are the seconds of the contender that ratios are to."""
        seconds, number = self.run()
        self.seconds.append(seconds)
        self.ratios.append(seconds / (reference or seconds))
        self.number = max(self.number, number)
        return seconds


def show(title: str, contenders: Sequence[Contender], *, number: str, unit: float) -> None:
    """Print medians; ``number`` is the last column's heading, ``unit`` what it is divided by."""
    table = Table(title=title)
    for column in ("what", "seconds", "ratio", number):
        table.add_column(column, justify="left" if column == "what" else "right")
    for one in contenders:
        table.add_row(
            one.name,
            f"{statistics.median(one.seconds):.2f}",
            f"{statistics.median(one.ratios):.2f}",
            f"{one.number / unit:.2f}",
        )
    Console().print(table)
