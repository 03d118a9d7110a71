"""Where a layer's lock lies; the names are those of venvstacks 0.8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS_FOLDER = "requirements"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockPaths:
    """The files of one layer's lock, in ``requirements/<environment name>/``."""

    folder: Path
    environment_name: str

    @classmethod
    def of_layer(cls, stack_folder: Path, environment_name: str) -> LockPaths:
        """Return the paths for a layer of the stack whose spec lies in ``stack_folder``."""
        folder = stack_folder / REQUIREMENTS_FOLDER / environment_name
        return cls(folder=folder, environment_name=environment_name)

    @property
    def pylock(self) -> Path:
        """The lock itself; pylock names allow no dots (PyPA "pylock.toml", file name)."""
        return self.folder / f"pylock.{self._dotless}.toml"

    @property
    def metadata(self) -> Path:
        """The hashes and the version of the lock, as JSON."""
        return self.folder / f"pylock.{self._dotless}.meta.json"

    @property
    def declared(self) -> Path:
        """The declared requirements, for people to read."""
        return self.folder / f"requirements-{self._dotless}.in"

    @property
    def summary(self) -> Path:
        """The locked packages, a line each, for people to read and diff."""
        return self.folder / f"packages-{self.environment_name}.txt"

    @property
    def _dotless(self) -> str:
        return self.environment_name.replace(".", "_")
