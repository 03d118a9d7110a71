"""Reading a layer artifact: its one blob, and the digest of the tar stream in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import UnsafeContentError
from ocistacks.registry.model import ImageConfiguration, Index, Manifest, read_graph_document
from ocistacks.registry.source import read_blob

if TYPE_CHECKING:
    from ocistacks.digests import Digest
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource

_LARGEST_CONFIGURATION_BYTES = 1 << 20


def read_layer_artifact(source: ObjectSource, descriptor: Descriptor) -> tuple[Descriptor, Digest]:
    """Return the blob of a layer artifact, and the digest of the tar in it.

    Raises:
        DigestError, NotFoundError, TransferError: it cannot be read, or is no artifact.
        UnsafeContentError: it has not one blob, or a configuration that does not fit.
    """
    where = source.describe(descriptor)
    manifest = read_graph_document(source.read_manifest(descriptor), descriptor, where=where)
    manifest, blob = checked_artifact(manifest, where=where)
    configuration = read_configuration(source, manifest, where=where)
    if len(configuration.rootfs.diff_ids) != 1:
        raise UnsafeContentError(
            "A layer's configuration does not fit its one blob.",
            where=where,
            found=f"{len(configuration.rootfs.diff_ids)} diff_ids",
            expected="1",
        )
    return blob, configuration.rootfs.diff_ids[0]


def checked_artifact(manifest: Manifest | Index, *, where: str) -> tuple[Manifest, Descriptor]:
    """Return a layer artifact and its one blob; UnsafeContentError for another number of them."""
    if not isinstance(manifest, Manifest) or len(manifest.layers) != 1:
        raise UnsafeContentError(
            "A layer artifact does not have one blob.",
            where=where,
            found=f"{len(manifest.layers)} blobs" if isinstance(manifest, Manifest) else "an index",
            expected="1 blob",
        )
    return manifest, manifest.layers[0]


def read_configuration(
    source: ObjectSource, manifest: Manifest, *, where: str
) -> ImageConfiguration:
    """Return the configuration of an artifact or image; its size is bounded before it is read.

    Raises:
        DigestError, NotFoundError, TransferError: it cannot be read.
        UnsafeContentError: it is too large.
    """
    if manifest.config.size > _LARGEST_CONFIGURATION_BYTES:
        raise UnsafeContentError(
            "A layer's configuration is too large.",
            where=where,
            found=f"{manifest.config.size} bytes",
            expected=f"at most {_LARGEST_CONFIGURATION_BYTES} bytes",
        )
    return ImageConfiguration.read(read_blob(source, manifest.config), where=where)
