"""The JSON beside a lock: what it was made from, when, and which version it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.python_pin import PythonPin
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from pathlib import Path


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        message = "a time without an offset from UTC"
        raise ValueError(message)
    return text


class OwnMetadata(BaseModel):
    """What ocistacks adds to venvstacks' keys, under one key of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    resolver_inputs_hash: Digest | None = None
    """Digest of all that was given to uv: when it is the same, uv need not be asked again. None
    for a lock that another tool made."""
    pylock_digest: Digest | None = None
    """Digest of the lock file: when it is the same, ``requirements_hash`` holds without parsing."""
    python: Mapping[Platform, PythonPin] = Field(default_factory=dict)
    """The Python that the layer is bound to. Not in the lock itself, which another tool may have
    made and which need not change for it."""


class LockMetadata(BaseModel):
    """The metadata of a lock; names and meaning are those of venvstacks 0.8.

    Unknown keys are let through, so that a lock made by another version can be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    requirements_hash: Digest
    lock_input_hash: Digest
    other_inputs_hash: Digest
    version_inputs_hash: Digest
    lock_version: int = Field(ge=1)
    locked_at: Annotated[str, AfterValidator(_moment)]
    """ISO 8601 with an offset, as it stands in the file."""
    ocistacks: OwnMetadata = OwnMetadata()

    def to_json(self) -> str:
        """Return the text of the metadata file, formatted as venvstacks does."""
        document = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(document, indent=2, sort_keys=True) + "\n"

    @property
    def pins(self) -> Mapping[Platform, PythonPin]:
        """The Python archives that the layer is bound to, none where another tool locked it."""
        return self.ocistacks.python

    def with_pins(self, pins: Mapping[Platform, PythonPin]) -> LockMetadata:
        """Return the metadata of the same lock, bound to other Python archives."""
        return self._with_own(python={platform: pins[platform] for platform in sorted(pins)})

    def with_file(self, pylock_digest: Digest) -> LockMetadata:
        """Return the metadata of the same lock, in a file of that digest."""
        return self._with_own(pylock_digest=pylock_digest)

    def with_inputs_of(self, other: LockMetadata) -> LockMetadata:
        """Return the metadata of the same lock, made and written as the other one."""
        own = other.ocistacks
        return self._with_own(
            resolver_inputs_hash=own.resolver_inputs_hash, pylock_digest=own.pylock_digest
        )

    def _with_own(self, **changes: object) -> LockMetadata:
        return self.model_copy(update={"ocistacks": self.ocistacks.model_copy(update=changes)})

    @property
    def lock_time(self) -> datetime:
        """The moment in ``locked_at``."""
        return datetime.fromisoformat(self.locked_at)


def read_metadata(path: Path) -> LockMetadata | None:
    """Return the metadata in the file at ``path``, None if there is none; LockError if broken."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return LockMetadata.model_validate_json(content)
    except ValidationError as error:
        raise LockError(
            "The metadata of a lock cannot be read.",
            where=str(path),
            found="; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
                for fault in error.errors()
            ),
            hint="lock the layer again: ocistacks lock SPEC",
        ) from error
