"""Mode `node`: an init container pulls into a store that all pods of a node share.

Layers that the node has are not pulled again. The deployment is hard links into the store, so it
lies on the same volume; its folder is named by what it holds, so that all pods of one version share
it and none piles up for each pod. Pods see it read-only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.kubernetes.pods import MOUNT, Object
from ocistacks.kubernetes.pulled_pod import pulled_pod

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import NodeStore, PinnedApplication, Puller, Workload

_DIGITS = 16


def node_pod(
    application: PinnedApplication,
    workload: Workload,
    *,
    base: str,
    puller: Puller,
    store: NodeStore,
) -> Object:
    """Return the PodSpec; ``base`` is the image of the container that runs the application."""
    return pulled_pod(
        application,
        workload,
        base=base,
        puller=puller,
        folder=f"{MOUNT}/deployments/{node_folder(application)}",
        volume=_volume(store),
    )


def _volume(store: NodeStore) -> Object:
    if store.claim is not None:
        return {"persistentVolumeClaim": {"claimName": store.claim}}
    # A kubelet would make a missing folder root's, and no pod that is not root could write to it.
    return {"hostPath": {"path": store.path, "type": "Directory"}}


def node_folder(application: PinnedApplication) -> str:
    """Return the name of a deployment's folder in a node's store.

    It tells which layers lie there, on any of the platforms.
    """
    layers = [
        {layer.install_target: layer.image.rpartition("@")[2] for layer in of_platform}
        for of_platform in application.layers
    ]
    return f"{application.install_target}-{Digest.of_bytes(canonical_json(layers)).hex[:_DIGITS]}"
