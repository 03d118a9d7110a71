"""What a wheel is built from, and what the builder answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.request.model import PythonInput, WheelInput

WHEEL_FORMAT = 1
"""Goes up when the same request begins to give other bytes, so that old wheels are not taken."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SdistInput(_Frozen):
    """A source distribution (PyPA "Source distribution format")."""

    name: str
    version: str
    filename: str = Field(pattern=r"^[^/\\]+$")
    digest: Digest


class WheelRequest(_Frozen):
    """What a builder is asked for, to build one wheel.

    ``requirements`` are those that ``build_wheels`` were locked for, normalised and sorted.
    ``config_settings`` and ``variables`` are what the stack's `[tool.uv]` has for this package.
    """

    wheel_format: int = WHEEL_FORMAT
    platform: Platform
    python: PythonInput
    sdist: SdistInput
    requirements: tuple[str, ...]
    build_wheels: tuple[WheelInput, ...]
    config_settings: Mapping[str, str | tuple[str, ...]]
    variables: Mapping[str, str]

    def canonical(self) -> bytes:
        """Return the canonical JSON of the request (RFC 8785)."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def input_digest(self) -> Digest:
        """The digest of the canonical request."""
        return Digest.of_bytes(self.canonical())

    @property
    def material_digests(self) -> tuple[Digest, ...]:
        """The digests of all materials that the build needs, each once."""
        digests = [self.sdist.digest, *(wheel.digest for wheel in self.build_wheels)]
        if self.python.digest is not None:
            digests.append(self.python.digest)
        return tuple(dict.fromkeys(digests))


class BuiltWheel(_Frozen):
    """A wheel that was built; ``size`` is in bytes."""

    filename: str = Field(pattern=r"^[^/\\]+\.whl$")
    digest: Digest
    size: NonNegativeInt


class WheelAnswer(_Frozen):
    """The wheel; or, where the request lacks some, all requirements of the sdist's build."""

    wheel: BuiltWheel | None = None
    requirements: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.wheel is None) == (self.requirements is None):
            raise ValueError("a wheel or requirements, not both")
        return self
