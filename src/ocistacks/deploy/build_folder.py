"""The folder of built layers: each where it can be looked at and run, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.deploy.built_tree import built_tree
from ocistacks.deploy.deployment import (
    Deployment,
    DeploymentOptions,
    read_deployment,
    write_deployment,
)
from ocistacks.store.targets import record_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import StackSpec
    from ocistacks.store.store import Store

# What venvstacks 0.8 keeps in its build folder beside a layer, and for all of them.
_SUFFIXES = ("", "_resolve", ".last-build.json")
_COMMON = "uv.toml"


def lay_out(
    layers: Sequence[BuiltLayer],
    folder: Path,
    store: Store,
    *,
    stack: StackSpec,
    reporter: Reporter,
) -> frozenset[str]:
    """Let ``folder`` hold ``layers``, as hard links to the store, and return what changed.

    Whole trees are exchanged, so that nothing stays which a lock dropped. Layers of ``stack`` that
    are not among ``layers`` stay as they are. A folder that venvstacks built in is taken over.

    Raises:
        DigestError, UnsafeContentError: a blob in the store is damaged.
        TargetError: the folder holds something else, or cannot be written.
    """
    names = [layer.environment_name for layer in stack.layers]
    beside = frozenset({_COMMON, *(f"{name}{suffix}" for name in names for suffix in _SUFFIXES)})
    present = read_deployment(folder, beside=beside) or Deployment(layers={})
    trees = {
        built.plan.request.install_target: (built.blob.digest, built_tree(built, store, reporter))
        for built in layers
    }
    rebuilt = {built.plan.layer.environment_name for built in layers}
    kept = _kept(present, stack, rebuilt)
    wanted = {
        **{name: (digest, store.tree_path(digest) / name) for name, digest in kept.items()},
        **trees,
    }
    written = write_deployment(folder, wanted, options=DeploymentOptions(beside=beside))
    record_target(store, folder, [digest for digest, _tree in wanted.values()])
    return written


def _kept(present: Deployment, stack: StackSpec, rebuilt: set[str]) -> Mapping[str, Digest]:
    """Return the layers of the stack that were laid out before and were not built now."""
    return {
        target: digest
        for target, digest in present.layers.items()
        for layer in stack.layers
        if layer.environment_name not in rebuilt
        and layer.environment_name == (target.rpartition("@")[0] if layer.versioned else target)
    }
