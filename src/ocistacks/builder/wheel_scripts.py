"""The console scripts of wheels, read once a wheel and remembered in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ocistacks.request.model import ScriptInput
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.records import read_record, write_record
from ocistacks.tree.entry_points import console_scripts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.request.materials import Material
    from ocistacks.store.store import Store


class _WheelScripts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scripts: tuple[ScriptInput, ...]


def scripts_of_wheels(
    materials: Sequence[Material],
    *,
    store: Store,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> Mapping[Digest, tuple[ScriptInput, ...]]:
    """Return the console scripts of each wheel; one that was never read is fetched.

    Raises:
        BuildError: a wheel declares what cannot be a script.
        DigestError, TransferError: it cannot be fetched as the lock says.
    """
    found: dict[Digest, tuple[ScriptInput, ...]] = {}
    unknown: list[Material] = []
    for material in {one.digest: one for one in materials}.values():  # platforms share wheels
        record = read_record(store.scripts_path(material.digest), _WheelScripts)
        if record is None:
            unknown.append(material)
        else:
            found[material.digest] = record.scripts
    if unknown:
        fetch_materials(store, unknown, environment=environment, reporter=reporter)
    for material in unknown:
        scripts = console_scripts(store.blob_path(material.digest), material.name)
        write_record(store.scripts_path(material.digest), _WheelScripts(scripts=scripts))
        found[material.digest] = scripts
    return found
