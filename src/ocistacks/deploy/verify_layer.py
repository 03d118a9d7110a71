"""Verifying a layer artifact: its manifest, configuration, blob, and what is in the blob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.blob.contents import BlobContents, read_contents
from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.toc_place import TocPlace, find_toc_place
from ocistacks.deploy.verify_report import Check, Report
from ocistacks.errors import DigestError, OcistacksError, UnsafeContentError
from ocistacks.oci import annotations as keys
from ocistacks.oci.description import LayerDescription
from ocistacks.registry.model import ImageConfiguration, Manifest, read_graph_document
from ocistacks.registry.retry import retried
from ocistacks.registry.source import ObjectSource, read_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.deploy.select import ListedLayer
    from ocistacks.digests import Digest
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter, Task
    from ocistacks.registry.model import Descriptor

_LARGEST_CONFIGURATION_BYTES = 1 << 20
# A layer whose artifact does not tell its unpacked size may be so much larger than its blob.
_LARGEST_RATIO = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactParts:
    """What a manifest names; ``diff_id`` is None where the configuration cannot be used."""

    blob: Descriptor
    diff_id: Digest | None


def verify_artifact(
    source: ObjectSource, listed: ListedLayer, report: Report, reporter: Reporter
) -> ArtifactParts | None:
    """Verify a layer artifact byte for byte; return what it names, None without a manifest."""
    where = source.describe(listed.descriptor)
    description = listed.description
    manifest = report.run(Check.MANIFEST, lambda: _artifact_manifest(source, listed, where))
    if manifest is None:
        return None
    blob = manifest.layers[0]
    diff_id = report.run(
        Check.CONFIGURATION, lambda: _diff_id(source, manifest, description.platform, where)
    )
    with reporter.task(f"verify {description.install_target}", total=blob.size) as task:
        contents = report.run(
            Check.BLOB, lambda: retried(lambda: _read_blob(source, blob, report, task))
        )
    if contents is not None:
        _compare_contents(contents, blob, diff_id, description, report, where)
    return ArtifactParts(blob=blob, diff_id=diff_id)


def read_manifest(source: ObjectSource, descriptor: Descriptor) -> Manifest:
    """Return a manifest that has its descriptor's digest and size."""
    where = source.describe(descriptor)
    content = source.read_manifest(descriptor)
    if len(content) != descriptor.size:
        raise DigestError(
            "A manifest has another size than its index says.",
            where=where,
            found=f"{len(content)} bytes",
            expected=f"{descriptor.size} bytes",
        )
    document = read_graph_document(content, descriptor, where=where)
    if not isinstance(document, Manifest):
        raise mismatch("This should be a manifest.", where, "an index", "an image manifest")
    return document


def read_configuration(
    source: ObjectSource, manifest: Manifest, platform: Platform, where: str
) -> ImageConfiguration:
    """Return a manifest's configuration, which is for the platform."""
    if manifest.config.size > _LARGEST_CONFIGURATION_BYTES:
        raise mismatch(
            "A configuration is too large.",
            where,
            f"{manifest.config.size} bytes",
            f"at most {_LARGEST_CONFIGURATION_BYTES} bytes",
        )
    configuration = ImageConfiguration.read(read_blob(source, manifest.config), where=where)
    found = f"{configuration.os}/{configuration.architecture}"
    expected = f"{platform.oci_os}/{platform.oci_architecture}"
    if found != expected:
        raise mismatch("A configuration is for another platform.", where, found, expected)
    return configuration


def mismatch(what: str, where: str, found: str, expected: str) -> UnsafeContentError:
    """Return the error for two documents that contradict each other."""
    return UnsafeContentError(what, where=where, found=found, expected=expected)


def _artifact_manifest(source: ObjectSource, listed: ListedLayer, where: str) -> Manifest:
    manifest = read_manifest(source, listed.descriptor)
    if len(manifest.layers) != 1:
        found = str(len(manifest.layers))
        raise mismatch("A layer artifact does not have one blob.", where, found, "1")
    _compare_descriptions(manifest, listed, where)
    return manifest


def _diff_id(source: ObjectSource, manifest: Manifest, platform: Platform, where: str) -> Digest:
    configuration = read_configuration(source, manifest, platform, where)
    if len(configuration.rootfs.diff_ids) != 1:
        found = f"{len(configuration.rootfs.diff_ids)} diff_ids"
        raise mismatch("A configuration does not fit the one blob.", where, found, "1 diff_id")
    return configuration.rootfs.diff_ids[0]


def _compare_descriptions(manifest: Manifest, listed: ListedLayer, where: str) -> None:
    told = LayerDescription.from_annotations(
        manifest.annotations or {}, listed.description.platform, where=where
    ).annotations()
    expected = listed.description.annotations()
    for key in sorted(told.keys() | expected.keys()):
        if told.get(key) != expected.get(key):
            raise mismatch(
                "A layer's manifest says something else than the stack's index.",
                f"{key} of {where}",
                told.get(key, "nothing"),
                expected.get(key, "nothing"),
            )


def _read_blob(
    source: ObjectSource, blob: Descriptor, report: Report, task: Task
) -> BlobContents | None:
    """Read a blob to its end; what is wrong in it counts where its own bytes are right."""
    try:
        with source.open_blob(blob) as chunks:
            return _read_chunks(_Stream(chunks, task), blob, report)
    except OcistacksError:
        # Of bytes that are not the blob's, nothing can be told.
        report.faults.pop(Check.CONTENTS, None)
        raise


def _read_chunks(stream: _Stream, blob: Descriptor, report: Report) -> BlobContents | None:
    contents, fault, toc = None, None, None
    if blob.media_type == MEDIA_TYPE_TAR_ZSTD:
        toc = report.run(Check.CONTENTS, lambda: _toc_place(blob))
    try:
        contents = read_contents(
            iter(stream), media_type=blob.media_type, maximum_size=_maximum(blob), toc=toc
        )
    except OcistacksError as error:
        if stream.broken is not None:
            raise
        fault = error
    for _chunk in stream:  # the rest of a blob that could not be read further
        pass
    report.faults.setdefault(Check.CONTENTS, [])
    if fault is not None:
        report.add(Check.CONTENTS, fault)
    return contents


def _toc_place(blob: Descriptor) -> TocPlace:
    """Return where the table of contents lies that every zstd blob of ours has."""
    place = find_toc_place(blob.annotations or {})
    if place is None:
        raise UnsafeContentError(
            "A layer's annotations do not tell where its table of contents lies.",
            found="no such annotations",
            expected="a layer that ocistacks packed",
        )
    return place


class _Stream:
    """A blob's chunks; ``broken`` is the error that their source ended with."""

    def __init__(self, chunks: Iterator[bytes], task: Task) -> None:
        self._chunks = chunks
        self._task = task
        self.broken: OcistacksError | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                self._task.advance(len(chunk))
                yield chunk
        except OcistacksError as error:
            self.broken = error
            raise


def _compare_contents(
    contents: BlobContents,
    blob: Descriptor,
    diff_id: Digest | None,
    description: LayerDescription,
    report: Report,
    where: str,
) -> None:
    if diff_id is not None and contents.diff_id != diff_id:
        report.add(
            Check.CONTENTS,
            DigestError(
                "A blob's tar is not the one that the configuration names.",
                where=where,
                found=contents.diff_id,
                expected=diff_id,
            ),
        )
    told = {
        "bytes of the tar": (contents.uncompressed_size, keys.BLOB_UNCOMPRESSED_SIZE),
        "entries of the tar": (contents.file_count, keys.BLOB_FILE_COUNT),
    }
    for what, (count, key) in told.items():
        annotation = blob.annotation(key)
        if annotation != str(count):
            fault = mismatch(
                f"A layer's annotation of the {what} is wrong.",
                f"{key} of {where}",
                annotation or "nothing",
                str(count),
            )
            report.add(Check.CONTENTS, fault)
    if contents.install_target != description.install_target:
        fault = mismatch(
            "A layer's blob holds another layer than its manifest says.",
            where,
            contents.install_target or "several top folders",
            description.install_target,
        )
        report.add(Check.CONTENTS, fault)


def _maximum(blob: Descriptor) -> int:
    told = blob.annotation(keys.BLOB_UNCOMPRESSED_SIZE) or ""
    return int(told) if told.isdigit() and len(told) < 16 else blob.size * _LARGEST_RATIO
