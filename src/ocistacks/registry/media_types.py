"""Media types and artifact types (OCI image spec 1.1, "Media Types"; docs/oci-objects.md)."""

from __future__ import annotations

from typing import Final

LAYER_ARTIFACT: Final = "application/vnd.ocistacks.layer.v1"
STACK_ARTIFACT: Final = "application/vnd.ocistacks.stack.v1"

IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIGURATION: Final = "application/vnd.oci.image.config.v1+json"
LAYER_TAR: Final = "application/vnd.oci.image.layer.v1.tar"
LAYER_TAR_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_TAR_ZSTD: Final = "application/vnd.oci.image.layer.v1.tar+zstd"

SBOM: Final = "application/vnd.cyclonedx+json"
PROVENANCE: Final = "application/vnd.in-toto+json"
"""Both a document's type, and the type of the artifact that holds it (docs/attestations.md)."""
MODULES: Final = "application/vnd.ocistacks.modules.v1.tar"
"""The launch and support modules of an application, which a rebuild needs; of both, too."""
EMPTY: Final = "application/vnd.oci.empty.v1+json"
"""What the configuration of an artifact is that needs none (manifest.md, "Guidance")."""

OCTET_STREAM: Final = "application/octet-stream"
"""What a blob is whose descriptor is not known."""

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIGURATION: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TAR: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_TAR_GZIP: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFESTS: Final = frozenset({IMAGE_MANIFEST, DOCKER_MANIFEST})
INDEXES: Final = frozenset({IMAGE_INDEX, DOCKER_MANIFEST_LIST})
ACCEPTED: Final = ", ".join((IMAGE_INDEX, IMAGE_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST))
"""What a registry is asked for, best first."""
