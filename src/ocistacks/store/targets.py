"""The folders outside the store that hold layers of it, so that cleaning up knows them.

    targets/HEX.json       a folder, by the digest of its path, and its layers' blobs

A folder's files are links of their own: nothing that happens to the store changes them. What the
record saves is fetching a layer again for the next folder.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ocistacks.digests import Digest
from ocistacks.errors import TargetError
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.store.store import Store


class Target(BaseModel):
    """A folder that holds layers: its absolute path, and the digests of the layers' blobs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    blobs: tuple[Digest, ...]


def record_target(store: Store, folder: Path, blobs: Iterable[Digest]) -> None:
    """Remember what a folder holds; a store that cannot be written remembers nothing."""
    absolute = folder.absolute()
    record = Target(folder=absolute, blobs=tuple(sorted(blobs)))
    with suppress(TargetError):
        write_record(store.target_path(Digest.of_bytes(bytes(absolute))), record)


def recorded_targets(store: Store) -> Iterator[tuple[Path, Target]]:
    """Yield each record that can be read, with its file."""
    for path in sorted((store.root / "targets").glob("*.json")):
        record = read_record(path, Target)
        if record is not None:
            yield path, record
