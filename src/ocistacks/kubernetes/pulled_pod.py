"""The pod whose init container pulls an application's layers, for the modes `init` and `node`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.kubernetes.pods import (
    MOUNT,
    Object,
    application_container,
    container_security,
    literal,
    pod_spec,
    python_command,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.kubernetes.model import PinnedApplication, Puller, Workload

_CREDENTIALS = "registry-credentials"
_CREDENTIALS_FOLDER = "/registry-credentials"
# A pull of a gigabyte stays below 200 MB (tests/integration/oci/test_memory.py).
_RESOURCES: Mapping[str, Mapping[str, str]] = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "2", "memory": "512Mi"},
}


def pulled_pod(
    application: PinnedApplication,
    workload: Workload,
    *,
    base: str,
    puller: Puller,
    folder: str,
    volume: Object,
) -> Object:
    """Return the PodSpec of an application that is pulled to ``folder``, which is in ``volume``.

    ``base`` is the image of the container that runs the application, and sees it read-only.
    """
    return pod_spec(
        workload,
        platforms=application.platforms,
        init_containers=[_pull_container(application, workload, puller, folder=folder)],
        container=application_container(
            workload,
            image=base,
            command=python_command(application, folder),
            mounts=[{"name": "stack", "mountPath": MOUNT, "readOnly": True}],
        ),
        volumes=[{"name": "stack", **volume}, *_credentials_volumes(workload)],
    )


def _pull_container(
    application: PinnedApplication, workload: Workload, puller: Puller, *, folder: str
) -> Object:
    """Return the container that makes ``folder`` a deployment of the application.

    The store lies on the same volume, so that the deployment is hard links.
    """
    words = ["pull", application.stack, folder, "--app", application.name]
    if len(application.platforms) == 1:
        words += ["--platform", application.platforms[0].value]
    words += ["--log-format", puller.log_format]
    if puller.insecure:
        words.append("--insecure")
    environment = {"HOME": "/tmp", "OCISTACKS_STORE": f"{MOUNT}/store"}
    mounts: list[Object] = [
        {"name": "stack", "mountPath": MOUNT},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if workload.pull_secrets:
        environment["DOCKER_CONFIG"] = _CREDENTIALS_FOLDER
        mounts.append(
            {"name": _CREDENTIALS, "mountPath": _CREDENTIALS_FOLDER, "readOnly": True},
        )
    return {
        "name": "pull",
        "image": puller.image,
        "args": [literal(word) for word in words],
        "env": variables(environment),
        "resources": {name: dict(amounts) for name, amounts in _RESOURCES.items()},
        "securityContext": container_security(),
        # `kubectl describe pod` tells why a pull has failed.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def _credentials_volumes(workload: Workload) -> list[Object]:
    """Return the volume with what the puller logs in with: the first of the pull secrets."""
    if not workload.pull_secrets:
        return []
    items = [{"key": ".dockerconfigjson", "path": "config.json"}]
    secret = {"secretName": workload.pull_secrets[0], "items": items}
    return [{"name": _CREDENTIALS, "secret": secret}]
