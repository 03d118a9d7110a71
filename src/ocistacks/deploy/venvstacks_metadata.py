"""The metadata that venvstacks writes beside its archives: its keys and meaning, and ours apart.

Below ``__venvstacks__`` lie ``venvstacks.json``, a list of all layers by kind, and
``env_metadata/NAME.json``, the same for each layer alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocistacks.lock.module_hash import module_hash
from ocistacks.spec.model import ApplicationSpec, RuntimeSpec, runtime_of
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.oci.description import Layer
    from ocistacks.request.plan import PlannedLayer

METADATA_FOLDER = "__venvstacks__"
LAYERS_FOLDER = "env_metadata"
STACK_FILE = "venvstacks.json"
OWN_KEY = "ocistacks"


def layer_metadata(plan: PlannedLayer, layer: Layer, archive_build: int) -> dict[str, Any]:
    """Return the metadata of one published layer."""
    spec, lock = plan.layer, plan.lock.metadata
    runtime = runtime_of(spec)
    description, blob = layer.description, layer.blob
    is_runtime = isinstance(spec, RuntimeSpec)
    metadata: dict[str, Any] = {
        "layer_name": spec.environment_name,
        "install_target": description.install_target,
        "requirements_hash": lock.requirements_hash,
        "lock_version": lock.lock_version,
        "locked_at": lock.locked_at,
        "runtime_layer": description.install_target if is_runtime else description.requires[-1],
        "python_implementation": runtime.python_implementation,
        "bound_to_implementation": is_runtime or description.platform.is_windows,
        "archive_build": archive_build,
        "archive_name": description.archive_name,
        "target_platform": description.platform.value,
        "archive_size": blob.size,
        "archive_hashes": {"sha256": blob.digest.hex},
        OWN_KEY: {
            "input_digest": description.input_digest,
            "blob_digest": blob.digest,
            "diff_id": blob.diff_id,
            "media_type": blob.media_type,
            "uncompressed_size": blob.uncompressed_size,
        },
    }
    if not is_runtime:
        metadata["required_layers"] = list(description.requires[:-1])
    if isinstance(spec, ApplicationSpec):
        metadata["app_launch_module"] = spec.launch_module_name
        metadata["app_launch_module_hash"] = module_hash(spec.launch_module)
        if spec.support_modules:
            metadata["app_support_modules"] = [
                {"name": path.stem, "hash": module_hash(path)} for path in spec.support_modules
            ]
    return metadata


def stack_metadata(layers: Sequence[tuple[LayerKind, dict[str, Any]]]) -> dict[str, Any]:
    """Return the metadata of a whole stack, its layers sorted into their kinds."""
    return {
        "layers": {
            kind.plural: [metadata for of_kind, metadata in layers if of_kind is kind]
            for kind in LayerKind
        }
    }


def next_archive_build(previous: dict[str, Any] | None, metadata: dict[str, Any]) -> int:
    """Return the build number of an archive: it goes up when one lock version gives new bytes."""
    if previous is None or previous.get("lock_version") != metadata["lock_version"]:
        return 1
    build = previous.get("archive_build")
    build = build if isinstance(build, int) else 0
    same = previous.get("archive_hashes") == metadata["archive_hashes"]
    return max(build, 1) if same else build + 1
