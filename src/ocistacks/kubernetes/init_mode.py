"""Mode `init`: an init container pulls the layers into an emptyDir of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.pods import MOUNT, Object
from ocistacks.kubernetes.pulled_pod import pulled_pod

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import PinnedApplication, Puller, Workload

_FOLDER = f"{MOUNT}/deployment"


def init_pod(
    application: PinnedApplication, workload: Workload, *, base: str, puller: Puller
) -> Object:
    """Return the PodSpec; ``base`` is the image of the container that runs the application."""
    return pulled_pod(
        application,
        workload,
        base=base,
        puller=puller,
        folder=_FOLDER,
        volume={"emptyDir": {}},
    )
