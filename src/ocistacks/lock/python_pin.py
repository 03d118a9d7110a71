"""The Python that a layer is bound to, pinned by digest for each platform.

Pins lie in the lock itself, in the ``tool`` table that the pylock format keeps for such things
(PyPA "pylock.toml", ``[tool]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.pylock import Pylock

    from ocistacks.spec.model import RuntimeSpec

TOOL_NAME = "ocistacks"
_PINS_KEY = "python"


class PythonPin(BaseModel):
    """One Python archive: a tar whose single top folder is ``python/``.

    ``origin`` tells people where the archive came from; ``url`` is where it can be fetched
    again, None for one that was built from the release tarball and lives in the store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^\d+\.\d+\.\d+((a|b|rc)\d+)?$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0)
    origin: str
    url: str | None = None

    @property
    def digest(self) -> Digest:
        """The archive's digest."""
        return Digest.from_hex(self.sha256)


class PythonResolver(Protocol):
    """Finds the Python archive of a runtime for a platform, and pins it."""

    def __call__(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        """Return the pin of an archive that can be had; LockError where there is none."""


_PINS = TypeAdapter(dict[Platform, PythonPin])


def read_pins(pylock: Pylock, path: Path) -> Mapping[Platform, PythonPin]:
    """Return the pins in a lock, empty for a lock that another tool made; LockError if broken."""
    table = (pylock.tool or {}).get(TOOL_NAME, {}).get(_PINS_KEY, {})
    try:
        return _PINS.validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise LockError(
            "The Python pinned in a lock cannot be read.",
            where=f"{path}, tool.{TOOL_NAME}.{_PINS_KEY}.{key}",
            found=first["msg"],
            hint="lock the layer again: ocistacks lock SPEC",
        ) from error


def pins_table(pins: Mapping[Platform, PythonPin]) -> dict[str, Any]:
    """Return the ``tool`` table that holds the pins, in the order of the platforms' names."""
    return {
        TOOL_NAME: {
            _PINS_KEY: {
                platform.value: pins[platform].model_dump(exclude_none=True)
                for platform in sorted(pins)
            }
        }
    }
