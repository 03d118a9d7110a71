"""Progress and notices on a terminal, or as lines where stderr is none."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Task as RichTask

    from ocistacks.progress import Task, Unit


_WORTH_A_LINE_BYTES = 100_000


class _AmountColumn(ProgressColumn):
    """Bytes with their rate, or a plain count, by what the task is measured in."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = DownloadColumn()
        self._rate = TransferSpeedColumn()

    def render(self, task: RichTask) -> Text:
        if task.fields["unit"] == "bytes":
            return Text(" ").join([self._bytes.render(task), self._rate.render(task)])
        total = "" if task.total is None else f"/{task.total:.0f}"
        return Text(f"{task.completed:.0f}{total} {task.fields['unit']}")


class _CountingTask:
    """A task that counts what it is told, from any thread, and passes it on."""

    def __init__(self, progress: Progress | None, number: TaskID) -> None:
        self._progress = progress
        self._number = number
        self._lock = threading.Lock()
        self.amount = 0

    def advance(self, amount: int) -> None:
        with self._lock:
            self.amount += amount
        if self._progress is not None:
            self._progress.advance(self._number, amount)


class ConsoleReporter:
    """A ``Reporter`` that shows live bars on a terminal and a line per finished task elsewhere."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._verbose = verbose
        self._progress: Progress | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show bars until exit, if stderr is a terminal."""
        if not sys.stderr.isatty():
            yield
            return
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _AmountColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        with progress:
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "bytes") -> Iterator[Task]:
        """Show a task from entry to exit, and what it took when it ends well."""
        progress = self._progress
        number = (
            progress.add_task(label, total=total, unit=unit) if progress is not None else TaskID(0)
        )
        counting = _CountingTask(progress, number)
        started = time.monotonic()
        try:
            yield counting
        finally:
            if progress is not None:
                progress.remove_task(number)
        seconds = time.monotonic() - started
        small = unit == "bytes" and counting.amount < _WORTH_A_LINE_BYTES and seconds < 1
        if small and not self._verbose:
            return
        if unit == "bytes":
            rate = decimal(int(counting.amount / seconds)) if seconds > 0 else "-"
            self.say(f"{label}: {decimal(counting.amount)} in {seconds:.1f} s ({rate}/s)")
        else:
            self.say(f"{label}: {seconds:.1f} s")

    def say(self, message: str) -> None:
        """Print one line on stderr."""
        self._console.print(message, markup=False, soft_wrap=True)
