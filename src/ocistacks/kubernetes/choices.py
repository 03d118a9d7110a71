"""What the command line offers for manifests, apart from the rest: each start reads it."""

from __future__ import annotations

from enum import StrEnum

DEFAULT_STORE_PATH = "/var/lib/ocistacks"
DEFAULT_USER = 65532
"""The uid of distroless images' user `nonroot`."""


class Mode(StrEnum):
    """How an application's layers come into its pods."""

    INIT = "init"
    NODE = "node"
    IMAGE_VOLUME = "image-volume"
    IMAGE = "image"

    @property
    def pulls(self) -> bool:
        """Whether an init container pulls the layers."""
        return self in {Mode.INIT, Mode.NODE}


class Kind(StrEnum):
    """What runs the pods."""

    POD = "pod"
    DEPLOYMENT = "deployment"
    JOB = "job"
