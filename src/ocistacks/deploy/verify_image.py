"""Verifying an application image: its documents, its base, and that its layers are the stack's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ocistacks.deploy.verify_layer import mismatch, read_configuration, read_manifest
from ocistacks.deploy.verify_report import Check, Report
from ocistacks.errors import DigestError
from ocistacks.registry.retry import retried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.deploy.verify_layer import ArtifactParts
    from ocistacks.digests import Digest
    from ocistacks.oci.description import LayerDescription
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor, Manifest
    from ocistacks.registry.source import ObjectSource


def verify_image(
    source: ObjectSource,
    image: Descriptor,
    application: LayerDescription,
    artifacts: Mapping[str, ArtifactParts],
    report: Report,
) -> None:
    """Verify an image; ``artifacts`` has the parts of its platform's layers by install target.

    The layers' own blobs are verified with their artifacts, the base's here. Where a layer's
    artifact cannot be read, there is nothing to compare the image with.
    """
    where = source.describe(image)
    manifest = report.run(Check.MANIFEST, lambda: read_manifest(source, image))
    targets = (*reversed(application.requires), application.install_target)
    own = [artifacts[target] for target in targets if target in artifacts]
    if manifest is None or len(own) < len(targets):
        return
    platform = application.platform
    report.run(
        Check.CONFIGURATION, lambda: _verify_configuration(source, manifest, platform, own, where)
    )
    report.run(Check.BLOB, lambda: _verify_blobs(source, manifest, own, where))


def _verify_configuration(
    source: ObjectSource,
    manifest: Manifest,
    platform: Platform,
    own: Sequence[ArtifactParts],
    where: str,
) -> None:
    diff_ids = read_configuration(source, manifest, platform, where).rootfs.diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise mismatch(
            "An image's configuration does not fit its blobs.",
            where,
            f"{len(diff_ids)} diff_ids",
            f"{len(manifest.layers)} diff_ids",
        )
    expected = [parts.diff_id for parts in own if parts.diff_id is not None]
    if len(expected) == len(own):
        _require_same(diff_ids, expected, where)


def _verify_blobs(
    source: ObjectSource, manifest: Manifest, own: Sequence[ArtifactParts], where: str
) -> None:
    digests = [layer.digest for layer in manifest.layers]
    _require_same(digests, [parts.blob.digest for parts in own], where)
    for base_layer in manifest.layers[: -len(own)]:
        retried(partial(_read_through, source, base_layer))


def _read_through(source: ObjectSource, blob: Descriptor) -> None:
    """Read a blob to its end, where its digest is verified."""
    with source.open_blob(blob) as chunks:
        for _chunk in chunks:
            pass


def _require_same(found: Sequence[Digest], expected: Sequence[Digest], where: str) -> None:
    """Raise DigestError if what lies uppermost in an image is not what its layers are."""
    top = found[max(len(found) - len(expected), 0) :]
    if list(top) != list(expected):
        raise DigestError(
            "An image's layers are not those of the stack.",
            where=where,
            found=", ".join(top) or "none",
            expected=", ".join(expected),
        )
