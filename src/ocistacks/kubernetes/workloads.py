"""A PodSpec as a Pod, or as the template of a Deployment or Job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocistacks.kubernetes.choices import Kind

if TYPE_CHECKING:
    from ocistacks.kubernetes.model import PinnedApplication, Workload
    from ocistacks.kubernetes.pods import Object

_NAME_LABEL = "app.kubernetes.io/name"
_REFERENCE_ANNOTATION = "dev.ocistacks.reference"


def manifest(application: PinnedApplication, workload: Workload, pod: Object) -> Object:
    """Return the whole object; ``pod`` is what one of the modes gives."""
    selected = {_NAME_LABEL: workload.name}
    metadata: dict[str, Any] = {"name": workload.name}
    if workload.namespace is not None:
        metadata["namespace"] = workload.namespace
    metadata["labels"] = {**selected, "app.kubernetes.io/managed-by": "ocistacks"}
    # The digests in the specification are what counts; this tells people where they come from.
    metadata["annotations"] = {_REFERENCE_ANNOTATION: application.reference}
    template = {"metadata": {"labels": selected}, "spec": pod}
    match workload.kind:
        case Kind.POD:
            return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
        case Kind.DEPLOYMENT:
            return {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": metadata,
                "spec": {
                    "replicas": workload.replicas,
                    "selector": {"matchLabels": selected},
                    "template": template,
                },
            }
        case Kind.JOB:
            return {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": metadata,
                "spec": {"template": template},
            }
