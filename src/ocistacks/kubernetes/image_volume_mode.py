"""Mode `image-volume`: the kubelet mounts each layer's artifact; nothing is pulled by a container.

An artifact's root holds one folder, the layer's install target. Each is mounted by its subPath
under one parent, because layers find each other as siblings (docs/layer-tree.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.pods import (
    MOUNT,
    Object,
    application_container,
    pod_spec,
    python_command,
)

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import PinnedApplication, PinnedLayer, Workload


def image_volume_pod(application: PinnedApplication, workload: Workload, *, base: str) -> Object:
    """Return the PodSpec; ``base`` is the image of the container that runs the application."""
    (layers,) = application.layers
    names = [f"layer-{number}" for number in range(len(layers))]
    return pod_spec(
        workload,
        platforms=application.platforms,
        container=application_container(
            workload,
            image=base,
            command=python_command(application, MOUNT),
            mounts=[_mount(name, layer) for name, layer in zip(names, layers, strict=True)],
        ),
        volumes=[
            {"name": name, "image": {"reference": layer.image, "pullPolicy": "IfNotPresent"}}
            for name, layer in zip(names, layers, strict=True)
        ],
    )


def _mount(name: str, layer: PinnedLayer) -> Object:
    return {
        "name": name,
        "mountPath": f"{MOUNT}/{layer.install_target}",
        "subPath": layer.install_target,
        "readOnly": True,
    }
