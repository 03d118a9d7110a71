"""The parts that the pods of all modes have: the restricted profile, containers, volumes.

Names follow the Kubernetes API (v1) one to one. What the restricted profile asks for:
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ocistacks.kubernetes.choices import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.kubernetes.model import PinnedApplication, Workload
    from ocistacks.platforms import Platform

Object = dict[str, Any]

MOUNT = "/ocistacks"
"""Where layers lie side by side in a container, in a folder of their own or right there."""

_TEMPORARY: Object = {"name": "tmp", "mountPath": "/tmp"}
_EXPANDED = re.compile(r"\$(?=[$(])")


def pod_spec(
    workload: Workload,
    *,
    platforms: Iterable[Platform],
    container: Object,
    init_containers: Iterable[Object] = (),
    volumes: Iterable[Object] = (),
) -> Object:
    """Return the PodSpec of one application container and what it needs."""
    user = workload.user
    spec: Object = {
        # Kubelets try again what has failed, the pull too; only jobs and pods may be done.
        "restartPolicy": "Always" if workload.kind is Kind.DEPLOYMENT else "OnFailure",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeSelector": _node_selector(tuple(platforms)),
    }
    if workload.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in workload.pull_secrets]
    if init := list(init_containers):
        spec["initContainers"] = init
    spec["containers"] = [container]
    spec["volumes"] = [*volumes, {"name": "tmp", "emptyDir": {}}]
    return spec


def application_container(
    workload: Workload,
    *,
    image: str,
    command: tuple[str, ...] = (),
    mounts: Iterable[Object] = (),
) -> Object:
    """Return the container that runs the application; without a command, the image's own."""
    # Without a line in the image's /etc/passwd, a user's home would be the read-only root.
    environment = {"HOME": "/tmp", **dict(workload.environment)}
    container: Object = {"name": "application", "image": image}
    if command:
        container["command"] = [literal(word) for word in command]
    if workload.arguments:
        container["args"] = [literal(word) for word in workload.arguments]
    container["env"] = variables(environment)
    if workload.resources:
        container["resources"] = {
            "requests": {name: amounts.request for name, amounts in workload.resources},
            "limits": {name: amounts.limit for name, amounts in workload.resources},
        }
    container["securityContext"] = container_security()
    container["volumeMounts"] = [*mounts, dict(_TEMPORARY)]
    return container


def container_security() -> Object:
    """Return the securityContext of a container under the restricted profile."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def variables(environment: Mapping[str, str]) -> list[Object]:
    """Return environment variables as EnvVars."""
    return [{"name": name, "value": literal(value)} for name, value in environment.items()]


def literal(text: str) -> str:
    """Return ``text`` such that Kubernetes, which expands $(NAME), passes it on as it is."""
    return _EXPANDED.sub("$$", text)


def python_command(application: PinnedApplication, folder: str) -> tuple[str, ...]:
    """Return what runs an application whose layers lie in ``folder``."""
    python = f"{folder}/{application.install_target}/bin/python"
    return (python, "-m", application.launch_module)


def _node_selector(platforms: tuple[Platform, ...]) -> Object:
    selector = {"kubernetes.io/os": "linux"}
    if len(platforms) == 1:
        selector["kubernetes.io/arch"] = platforms[0].oci_architecture
    return selector
