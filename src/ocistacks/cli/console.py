"""Progress and notices on a terminal, or as lines where stderr is none."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.filesize import decimal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from ocistacks.progress import Task, Unit


_WORTH_A_LINE_BYTES = 100_000


class _CountingTask:
    """A task that counts what it is told, from any thread, and passes it on to its bar."""

    def __init__(self, bar: _Bar | None) -> None:
        self._bar = bar
        self._lock = threading.Lock()
        self.amount = 0

    def advance(self, amount: int) -> None:
        with self._lock:
            self.amount += amount
        if self._bar is not None:
            self._bar.progress.advance(self._bar.number, amount)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    progress: Progress
    number: TaskID


class ConsoleReporter:
    """A ``Reporter`` that shows live bars on a terminal and a line per finished task elsewhere."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._is_live = False
        self._progress: Progress | None = None
        self._lock = threading.Lock()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the tasks of the time until exit as bars, if stderr is a terminal."""
        self._is_live = sys.stderr.isatty() and not self._quiet
        try:
            yield
        finally:
            self._is_live = False
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "bytes") -> Iterator[Task]:
        """Show a task from entry to exit, and what it took when it ends well."""
        bar = self._new_bar(label, total, unit)
        counting = _CountingTask(bar)
        started = time.monotonic()
        try:
            yield counting
        finally:
            if bar is not None:
                bar.progress.remove_task(bar.number)
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
        if self._progress is not None:
            self._progress.console.print(message, markup=False, soft_wrap=True)
        elif not self._quiet:
            sys.stderr.write(f"{message}\n")

    def _new_bar(self, label: str, total: int | None, unit: Unit) -> _Bar | None:
        if not self._is_live:
            return None
        with self._lock:
            if self._progress is None:
                # Not before there is something to show: rich takes its time to be imported.
                from ocistacks.cli.bars import new_progress

                self._progress = new_progress()
                self._progress.start()
        number = self._progress.add_task(label, total=total, unit=unit)
        return _Bar(progress=self._progress, number=number)
