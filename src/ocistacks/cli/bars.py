"""Live bars of progress on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Task


class _AmountColumn(ProgressColumn):
    """Bytes with their rate, or a plain count, by what the task is measured in."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = DownloadColumn()
        self._rate = TransferSpeedColumn()

    def render(self, task: Task) -> Text:
        if task.fields["unit"] == "bytes":
            return Text(" ").join([self._bytes.render(task), self._rate.render(task)])
        total = "" if task.total is None else f"/{task.total:.0f}"
        return Text(f"{task.completed:.0f}{total} {task.fields['unit']}")


def new_progress() -> Progress:
    """Return bars on stderr, which vanish when they end; tasks have a field ``unit``."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        _AmountColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
