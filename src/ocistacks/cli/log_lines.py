"""Progress as lines for a log: text that `kubectl logs` shows well, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import typer
from rich.filesize import decimal

from ocistacks.cli.console import ConsoleReporter
from ocistacks.errors import OcistacksError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocistacks.progress import Task, Unit

LogFormat = Literal["text", "json"]

_SECONDS_BETWEEN_LINES = 5.0


def json_line(event: str, **fields: object) -> str:
    """Return one line of a log in JSON: a time, what happened, and fields that are not None."""
    told = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
    return json.dumps(told | {name: value for name, value in fields.items() if value is not None})


class LineReporter(ConsoleReporter):
    """A ``Reporter`` for logs: lines when a task starts and ends, and every few seconds between."""

    def __init__(
        self,
        log_format: LogFormat,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(quiet=quiet)
        self._log_format = log_format
        self._clock = clock

    @contextmanager
    def live(self) -> Iterator[None]:
        """Let an error of the time until exit be a line too, where the lines are JSON."""
        try:
            yield
        except OcistacksError as error:
            if self._log_format == "text":
                raise
            parts = ("what", "where", "found", "expected", "hint")
            told = {part: getattr(error, part) for part in parts}
            sys.stderr.write(f"{json_line('error', exit_code=error.exit_code, **told)}\n")
            raise typer.Exit(error.exit_code) from error

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "bytes") -> Iterator[Task]:
        """Tell of a task from entry to exit."""
        task = _LoggedTask(self, label, total, unit)
        task.tell("start")
        try:
            yield task
        except BaseException:
            task.tell("failed")
            raise
        task.tell("end")

    def say(self, message: str) -> None:
        """Tell one line."""
        self.write(message, lambda: json_line("message", message=message))

    def write(self, text: str, as_json: Callable[[], str]) -> None:
        """Write what happened in the log's format."""
        if not self._quiet:
            line = as_json() if self._log_format == "json" else text
            sys.stderr.write(f"{line}\n")

    def now(self) -> float:
        """Return the clock's seconds."""
        return self._clock()


class _LoggedTask:
    """Counts what it is told, from any thread, and says so from time to time."""

    def __init__(self, reporter: LineReporter, label: str, total: int | None, unit: Unit) -> None:
        self._reporter = reporter
        self._label = label
        self._total = total
        self._unit = unit
        self._lock = threading.Lock()
        self._started = self._told = reporter.now()
        self._amount = 0

    def advance(self, amount: int) -> None:
        with self._lock:
            self._amount += amount
            now = self._reporter.now()
            due = now - self._told >= _SECONDS_BETWEEN_LINES
            if due:
                self._told = now
        if due:
            self.tell("progress")

    def tell(self, event: str) -> None:
        seconds = self._reporter.now() - self._started
        has_rate = self._unit == "bytes" and self._amount > 0 and seconds > 0
        rate = int(self._amount / seconds) if has_rate else None
        self._reporter.write(
            f"{self._label}: {self._text(event, seconds, rate)}",
            lambda: json_line(
                event,
                task=self._label,
                unit=self._unit,
                done=self._amount,
                total=self._total,
                seconds=round(seconds, 3),
                rate=rate,
            ),
        )

    def _text(self, event: str, seconds: float, rate: int | None) -> str:
        done = self._counted(self._amount)
        total = None if self._total is None else self._counted(self._total)
        speed = "" if rate is None else f" ({decimal(rate)}/s)"
        match event:
            case "start":
                return "start" if total is None else f"start, {total}"
            case "progress" if self._total:
                return f"{done} of {total}, {100 * self._amount // self._total} %{speed}"
            case "progress":
                return f"{done}{speed}"
            case "end":
                return f"end, {done} in {seconds:.1f} s{speed}"
            case _:
                return f"failed after {done} and {seconds:.1f} s"

    def _counted(self, amount: int) -> str:
        return decimal(amount) if self._unit == "bytes" else f"{amount} {self._unit}"
