"""Mode `image`: the application image, whose entry point runs the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.pods import Object, application_container, pod_spec

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import PinnedApplication, Workload


def image_pod(application: PinnedApplication, workload: Workload, *, image: str) -> Object:
    """Return the PodSpec; ``image`` is the application image."""
    return pod_spec(
        workload,
        platforms=application.platforms,
        container=application_container(workload, image=image),
    )
