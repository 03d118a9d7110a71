"""Mode `init`: an init container pulls the layers into an emptyDir of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.pods import (
    MOUNT,
    Object,
    application_container,
    pod_spec,
    python_command,
)
from ocistacks.kubernetes.pull_container import credentials_volumes, pull_container

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import PinnedApplication, Puller, Workload

_FOLDER = f"{MOUNT}/deployment"


def init_pod(
    application: PinnedApplication, workload: Workload, *, base: str, puller: Puller
) -> Object:
    """Return the PodSpec; ``base`` is the image of the container that runs the application."""
    return pod_spec(
        workload,
        platforms=application.platforms,
        init_containers=[pull_container(application, workload, puller, folder=_FOLDER)],
        container=application_container(
            workload,
            image=base,
            command=python_command(application, _FOLDER),
            mounts=[{"name": "stack", "mountPath": MOUNT, "readOnly": True}],
        ),
        volumes=[{"name": "stack", "emptyDir": {}}, *credentials_volumes(workload)],
    )
