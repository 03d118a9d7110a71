"""Publishing into a folder: archives, their metadata, and an OCI image layout of the same bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocistacks.deploy.venvstacks_metadata import (
    LAYERS_FOLDER,
    METADATA_FOLDER,
    STACK_FILE,
    layer_metadata,
    next_archive_build,
    stack_metadata,
)
from ocistacks.files import link_or_copy, write_text_atomically
from ocistacks.oci.assemble_stack import describe_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.spec.names import LayerKind
    from ocistacks.store.store import Store

LAYOUT_FOLDER = "oci"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedArchive:
    """An archive in the output folder, ``changed`` if it was not there with these bytes."""

    path: Path
    built: BuiltLayer
    changed: bool


def publish_archives(
    layers: Sequence[BuiltLayer], output: Path, store: Store
) -> tuple[PublishedArchive, ...]:
    """Write each layer's archive and all metadata into ``output``.

    Archives are hard links to the store's blobs where the file system allows.

    Raises:
        TargetError: the folder cannot be written.
    """
    published = []
    listed: list[tuple[LayerKind, dict[str, Any]]] = []
    folder = output / METADATA_FOLDER
    for built in layers:
        layer = describe_layer(built)
        name = layer.description.name
        path = folder / LAYERS_FOLDER / f"{name}.json"
        metadata = layer_metadata(built.plan, layer, archive_build=1)
        metadata["archive_build"] = next_archive_build(_read(path), metadata)
        archive = output / layer.description.archive_name
        changed = link_or_copy(store.blob_path(built.blob.digest), archive)
        write_text_atomically(path, _json(metadata))
        published.append(PublishedArchive(path=archive, built=built, changed=changed))
        listed.append((built.plan.request.kind, metadata))
    write_text_atomically(folder / STACK_FILE, _json(stack_metadata(listed)))
    return tuple(published)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
