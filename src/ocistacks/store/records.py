"""Small JSON records in the store: what was made before, by what it was made from.

A record that cannot be read counts as missing: the work is done again and the record replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from ocistacks.files import write_text_atomically

if TYPE_CHECKING:
    from pathlib import Path

RecordT = TypeVar("RecordT", bound=BaseModel)


def read_record(path: Path, model: type[RecordT]) -> RecordT | None:
    """Return the record in the file at ``path``, None if it is missing or unreadable."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record in one step."""
    write_text_atomically(path, record.model_dump_json(indent=2) + "\n")
