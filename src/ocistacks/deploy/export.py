"""Exporting into a folder: layers side by side, ready to run, with venvstacks' export metadata.

An export is a deployment of what was built here, which a deployment's record makes known as ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.deploy.built_tree import built_tree
from ocistacks.deploy.deployment import (
    Deployment,
    DeploymentOptions,
    read_deployment,
    write_deployment,
)
from ocistacks.deploy.metadata_folder import METADATA_FOLDER, MetadataFolder, refuse_clashes
from ocistacks.deploy.venvstacks_metadata import (
    OWN_KEY,
    blob_metadata,
    layer_metadata,
    lower_targets,
    stack_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.deploy.venvstacks_metadata import Metadata
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.spec.model import StackSpec
    from ocistacks.store.store import Store

_CLASH_HINT = "export the layers of one platform, into a folder of its own"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """How layers are exported.

    ``force`` makes layers again that are there already. ``copy`` makes files that may be written
    to, where hard links share the store's read-only ones.
    """

    force: bool = False
    copy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedLayer:
    """A layer's folder in the output folder, ``changed`` if it was made now."""

    path: Path
    built: BuiltLayer
    changed: bool


def export_layers(
    layers: Sequence[BuiltLayer],
    output: Path,
    store: Store,
    *,
    stack: StackSpec,
    options: ExportOptions,
    reporter: Reporter,
) -> tuple[ExportedLayer, ...]:
    """Make folders of ``layers`` in ``output``, each complete or not at all, and write metadata.

    Exported layers of ``stack`` that are not among ``layers`` stay, and what they stand on; what
    the stack no longer has goes. What venvstacks exported into the folder is taken over.

    Raises:
        UsageError: two platforms' layers would have the same names.
        DigestError, UnsafeContentError: a blob in the store is damaged.
        TargetError: the folder holds something else, or cannot be written.
    """
    refuse_clashes([built.plan for built in layers], hint=_CLASH_HINT)
    folder = MetadataFolder(output)
    beside = folder.install_targets() | {METADATA_FOLDER}
    present = read_deployment(output, beside=beside) or Deployment(layers={})
    trees = {
        built.plan.request.install_target: (built.blob.digest, built_tree(built, store, reporter))
        for built in layers
    }
    current = {built.plan.layer.environment_name: _metadata(built) for built in layers}
    kept = _kept(present, output, folder, stack, current)
    changed = write_deployment(
        output,
        {
            **{name: (digest, store.tree_path(digest) / name) for name, digest in kept.items()},
            **trees,
        },
        options=DeploymentOptions(
            copy=options.copy,
            renew=frozenset(trees) if options.force else frozenset(),
            beside=beside,
        ),
    )
    folder.write(stack, current, lambda _layer, metadata: metadata.get("install_target") in kept)
    return tuple(
        ExportedLayer(
            path=output / built.plan.request.install_target,
            built=built,
            changed=built.plan.request.install_target in changed,
        )
        for built in layers
    )


def export_request(plans: Sequence[PlannedLayer]) -> Metadata:
    """Return what exporting would write of ``plans``, as venvstacks' dry run does.

    Raises:
        UsageError: as ``export_layers``.
    """
    refuse_clashes(plans, hint=_CLASH_HINT)
    return stack_metadata([(plan.request.kind, layer_metadata(plan)) for plan in plans])


def _metadata(built: BuiltLayer) -> Metadata:
    metadata = layer_metadata(built.plan)
    return {**metadata, OWN_KEY: {**metadata[OWN_KEY], **blob_metadata(built.blob)}}


def _kept(
    present: Deployment,
    output: Path,
    folder: MetadataFolder,
    stack: StackSpec,
    current: Mapping[str, Metadata],
) -> Mapping[str, Digest]:
    """Return the folders that stay although they are not exported now."""
    wanted: set[str] = set()
    for layer in stack.layers:
        metadata = folder.read_layer(layer.environment_name)
        if layer.environment_name in current or metadata is None:
            continue
        # A layer keeps what it stands on, also where that is an older version of another layer.
        wanted |= {str(metadata.get("install_target")), *lower_targets(metadata)}
    return {
        name: digest
        for name, digest in present.layers.items()
        if name in wanted and (output / name).is_dir()
    }
