"""From a mode to its pod, and to the images that its pod needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.kubernetes.choices import Mode
from ocistacks.kubernetes.image_mode import image_pod
from ocistacks.kubernetes.image_volume_mode import image_volume_pod
from ocistacks.kubernetes.init_mode import init_pod
from ocistacks.kubernetes.model import Images, Puller
from ocistacks.kubernetes.node_mode import node_pod

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import NodeStore, PinnedApplication, Workload
    from ocistacks.kubernetes.pods import Object


def pod(
    mode: Mode,
    application: PinnedApplication,
    workload: Workload,
    images: Images,
    store: NodeStore,
) -> Object:
    """Return the PodSpec of a mode; ``images`` has those of the mode.

    Raises:
        UsageError: the mode is for one platform, and the application for several.
    """
    if not mode.pulls and len(application.platforms) > 1:
        raise UsageError(
            f"In the mode {mode} a manifest is for one platform, and the application has more.",
            where=application.reference,
            found=", ".join(application.platforms),
            hint="name one with --platform",
        )
    match mode, images:
        case Mode.IMAGE, Images(application=str(image)):
            return image_pod(application, workload, image=image)
        case Mode.IMAGE_VOLUME, Images(base=str(base)):
            return image_volume_pod(application, workload, base=base)
        case Mode.INIT, Images(base=str(base), puller=Puller() as puller):
            return init_pod(application, workload, base=base, puller=puller)
        case Mode.NODE, Images(base=str(base), puller=Puller() as puller):
            return node_pod(application, workload, base=base, puller=puller, store=store)
    raise ValueError(f"no images for the mode {mode}")
