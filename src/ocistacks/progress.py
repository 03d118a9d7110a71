"""What long work tells about itself, without knowing who listens."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Unit = Literal["bytes", "files", "steps"]


class Task(Protocol):
    """One piece of work whose progress is shown."""

    def advance(self, amount: int) -> None:
        """Add ``amount`` units of finished work; safe to call from any thread."""


class Reporter(Protocol):
    """Where progress and notices go: a terminal, log lines, or nowhere."""

    def task(
        self, label: str, *, total: int | None = None, unit: Unit = "bytes"
    ) -> AbstractContextManager[Task]:
        """Show a task from entry to exit; ``total`` is in ``unit``, None where unknown."""

    def say(self, message: str) -> None:
        """Tell one line that stays visible."""


class _SilentTask:
    def advance(self, amount: int) -> None:
        """Show nothing."""


class SilentReporter:
    """A reporter that shows nothing."""

    def task(
        self, label: str, *, total: int | None = None, unit: Unit = "bytes"
    ) -> AbstractContextManager[Task]:
        """Return a task that shows nothing."""
        return nullcontext(_SilentTask())

    def say(self, message: str) -> None:
        """Show nothing."""
