"""Running the tools of the recipe: their output goes to a log, its end into the error."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SHOWN_LINES: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolRunner:
    """Runs tools in one environment, one after the other, and appends what they say to ``log``."""

    environment: Mapping[str, str] = field(repr=False)
    log: Path

    def run(self, step: str, command: Sequence[str], *, folder: Path) -> None:
        """Run ``command`` in ``folder``; raise BuildError with the log's end if it fails.

        ``step`` is what is being done, as the user reads it: "compile CPython".
        """
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                finished = subprocess.run(
                    command,
                    cwd=folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    umask=0o022,
                    check=False,
                )
            except OSError as error:
                raise self._failed(step, command, str(error)) from error
        if finished.returncode != 0:
            raise self._failed(step, command, f"exit code {finished.returncode}", self._log_end())

    def read(self, step: str, command: Sequence[str], *, folder: Path) -> str:
        """Run ``command`` in ``folder`` and return what it prints; raise BuildError if it fails."""
        try:
            finished = subprocess.run(
                command,
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise self._failed(step, command, str(error)) from error
        if finished.returncode != 0:
            lines = finished.stderr.splitlines()[-_SHOWN_LINES:]
            raise self._failed(step, command, f"exit code {finished.returncode}", lines)
        return finished.stdout

    def require(self, tools: Sequence[str]) -> None:
        """Raise BuildError that names every one of ``tools`` that the environment has not got."""
        search_path = self.environment.get("PATH", os.defpath)
        missing = [tool for tool in tools if shutil.which(tool, path=search_path) is None]
        if missing:
            raise BuildError(
                "CPython cannot be built here: tools are missing.",
                found=f"no {', no '.join(missing)}",
                expected=", ".join(tools),
                hint="build in the image of Containerfile.builder's target python-source",
            )

    def _log_end(self) -> list[str]:
        with self.log.open(encoding="utf-8", errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, maxlen=_SHOWN_LINES)]

    def _failed(
        self, step: str, command: Sequence[str], found: str, lines: Sequence[str] = ()
    ) -> BuildError:
        said = "".join(f"\n    {line}" for line in lines)
        return BuildError(
            f"A tool failed while it should {step}.",
            where=command[0],
            found=found + said,
            hint=f"the whole output is in {self.log}",
        )
