"""The values of the Helm chart in examples/kubernetes that say the same as a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.node_mode import node_folder
from ocistacks.kubernetes.pods import Object, literal

if TYPE_CHECKING:
    from ocistacks.kubernetes.choices import Mode
    from ocistacks.kubernetes.model import Images, NodeStore, PinnedApplication, Workload


def chart_values(
    mode: Mode,
    application: PinnedApplication,
    workload: Workload,
    images: Images,
    store: NodeStore,
) -> Object:
    """Return the chart's values; what stands there by default is left out."""
    values: Object = {
        "mode": mode.value,
        "kind": workload.kind.value,
        "name": workload.name,
        "replicas": workload.replicas,
        "user": workload.user,
        "stack": application.stack,
        "reference": application.reference,
        "application": application.name,
        "installTarget": application.install_target,
        "launchModule": application.launch_module,
    }
    if len(application.platforms) == 1:
        (platform,), (layers,) = application.platforms, application.layers
        values["platform"] = platform.value
        values["architecture"] = platform.oci_architecture
        values["layers"] = [
            {"installTarget": layer.install_target, "image": layer.image} for layer in layers
        ]
    values["folder"] = node_folder(application)
    puller = images.puller
    named = {
        "base": images.base,
        "puller": puller.image if puller is not None else None,
        "application": images.application,
    }
    values["images"] = {name: image for name, image in named.items() if image is not None}
    if puller is not None:
        values["puller"] = {"logFormat": puller.log_format, "insecure": puller.insecure}
    values["store"] = {"path": store.path}
    if store.claim is not None:
        values["store"]["claim"] = store.claim
    values["pullSecrets"] = list(workload.pull_secrets)
    values["args"] = [literal(word) for word in workload.arguments]
    values["env"] = {name: literal(value) for name, value in workload.environment}
    if workload.resources:
        values["resources"] = {
            "requests": {name: amounts.request for name, amounts in workload.resources},
            "limits": {name: amounts.limit for name, amounts in workload.resources},
        }
    return values
