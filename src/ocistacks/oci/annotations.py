"""Annotation keys (OCI image spec 1.1, "Annotations"; docs/oci-objects.md for our own)."""

from __future__ import annotations

from typing import Final

TITLE: Final = "org.opencontainers.image.title"
REFERENCE_NAME: Final = "org.opencontainers.image.ref.name"
BASE_NAME: Final = "org.opencontainers.image.base.name"
BASE_DIGEST: Final = "org.opencontainers.image.base.digest"

LAYER_NAME: Final = "dev.ocistacks.layer.name"
LAYER_KIND: Final = "dev.ocistacks.layer.kind"
LAYER_INSTALL_TARGET: Final = "dev.ocistacks.layer.install-target"
LAYER_LOCK_HASH: Final = "dev.ocistacks.layer.lock-hash"
LAYER_INPUT_DIGEST: Final = "dev.ocistacks.layer.input-digest"
LAYER_LOCK_VERSION: Final = "dev.ocistacks.layer.lock-version"
LAYER_REQUIRES: Final = "dev.ocistacks.layer.requires"
"""The install targets below a layer, nearest first, the runtime last; no key where there is none.

Separated by commas; a comma or per cent sign in a name is written as %2C or %25.
"""

APPLICATION_LAUNCH_MODULE: Final = "dev.ocistacks.application.launch-module"

BLOB_UNCOMPRESSED_SIZE: Final = "dev.ocistacks.blob.uncompressed-size"
BLOB_FILE_COUNT: Final = "dev.ocistacks.blob.file-count"
"""On a layer artifact's blob: readers bound what they unpack by the two."""
