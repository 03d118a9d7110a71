"""The metadata that venvstacks 0.8 writes beside its output: its keys and meaning, and ours apart.

What it calls export metadata describes a layer; archive metadata adds the archive. The names and
places of the files are in ``metadata_folder``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocistacks.lock.module_hash import module_hash
from ocistacks.oci.assemble import input_digest_tag, layer_artifact
from ocistacks.spec.model import ApplicationSpec, RuntimeSpec, runtime_of
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.blob.model import Blob
    from ocistacks.deploy.archive_formats.convert import ArchiveContent, ArchiveFormat
    from ocistacks.oci.description import Layer
    from ocistacks.platforms import Platform
    from ocistacks.request.plan import PlannedLayer

OWN_KEY = "ocistacks"

Metadata = dict[str, Any]
"""One layer's or one stack's metadata, as it is written in JSON."""


def layer_metadata(plan: PlannedLayer) -> Metadata:
    """Return what describes a layer, whether it is published or exported."""
    spec, lock, request = plan.layer, plan.lock.metadata, plan.request
    is_runtime = isinstance(spec, RuntimeSpec)
    metadata: Metadata = {
        "layer_name": spec.environment_name,
        "install_target": request.install_target,
        "requirements_hash": lock.requirements_hash,
        "lock_version": lock.lock_version,
        "locked_at": lock.locked_at,
        "runtime_layer": request.install_target if is_runtime else request.lower_targets[-1],
        "python_implementation": runtime_of(spec).python_implementation,
        "bound_to_implementation": is_runtime or request.platform.is_windows,
        OWN_KEY: {"input_digest": plan.input_digest},
    }
    if not is_runtime:
        metadata["required_layers"] = list(request.lower_targets[:-1])
    if isinstance(spec, ApplicationSpec):
        metadata["app_launch_module"] = spec.launch_module_name
        metadata["app_launch_module_hash"] = module_hash(spec.launch_module)
        if spec.support_modules:
            metadata["app_support_modules"] = [
                {"name": path.stem, "hash": module_hash(path)} for path in spec.support_modules
            ]
    return metadata


def with_archive(
    metadata: Metadata, platform: Platform, *, build: int, name: str, archive_format: ArchiveFormat
) -> Metadata:
    """Return a layer's metadata with what is known of its archive before it is made."""
    return {
        **metadata,
        "archive_build": build,
        "archive_name": name,
        "target_platform": platform.value,
        OWN_KEY: {**metadata[OWN_KEY], "archive_format": archive_format.value},
    }


def with_content(
    metadata: Metadata, content: ArchiveContent, layer: Layer, *, artifacts_in: str | None
) -> Metadata:
    """Return a layer's archive metadata, completed with the archive's bytes and the blob's.

    ``artifacts_in`` is the image layout or repository that holds the layer artifacts, if any.
    """
    artifact = layer_artifact(layer.description, layer.blob).descriptor
    own: Metadata = {
        **metadata[OWN_KEY],
        **blob_metadata(layer.blob),
        "manifest_digest": artifact.digest,
    }
    if artifacts_in is not None:
        tag = input_digest_tag(layer.description.input_digest)
        own["oci_reference"] = f"{artifacts_in}:{tag}"
    return {
        **metadata,
        "archive_size": content.size,
        "archive_hashes": content.hashes,
        OWN_KEY: own,
    }


def blob_metadata(blob: Blob) -> Metadata:
    """Return what identifies a layer's blob, for the key of our own."""
    return {
        "blob_digest": blob.digest,
        "diff_id": blob.diff_id,
        "media_type": blob.media_type,
        "uncompressed_size": blob.uncompressed_size,
    }


def stack_metadata(layers: Sequence[tuple[LayerKind, Metadata]]) -> Metadata:
    """Return the metadata of a whole stack, its layers sorted into their kinds."""
    return {
        "layers": {
            kind.plural: [metadata for of_kind, metadata in layers if of_kind is kind]
            for kind in LayerKind
        }
    }


def lower_targets(metadata: Metadata) -> frozenset[str]:
    """Return the folder names of what a layer stands on, as far as metadata that was read tells."""
    required = metadata.get("required_layers")
    names = [*(required if isinstance(required, list) else ()), metadata.get("runtime_layer")]
    return frozenset(name for name in names if isinstance(name, str))


def own_value(metadata: Metadata | None, key: str) -> object:
    """Return a value below the key of our own, None where metadata that was read has none."""
    own = metadata.get(OWN_KEY) if metadata is not None else None
    return own.get(key) if isinstance(own, dict) else None


def next_archive_build(previous: Metadata | None, lock_version: int, *, is_same: bool) -> int:
    """Return the build number of an archive: it goes up when one lock version gives other bytes.

    ``is_same`` tells whether the archive has the bytes of the ``previous`` one.
    """
    if previous is None or previous.get("lock_version") != lock_version:
        return 1
    build = previous.get("archive_build")
    build = build if isinstance(build, int) else 0
    return max(build, 1) if is_same else build + 1
