"""The Python that a layer is bound to, pinned by digest for each platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ocistacks.digests import Digest

if TYPE_CHECKING:
    from ocistacks.platforms import Platform
    from ocistacks.spec.model import RuntimeSpec


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
