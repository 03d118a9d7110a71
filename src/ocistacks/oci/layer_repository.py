"""A repository in which layers are found by their input digests, so that nobody builds them again.

What is found is checked against the plan: the kind of artifact, the input digest, the install
target, the platform, the compression. Its blob is verified by its digest. That the blob was really
built from these inputs is the word of whoever may write to the repository.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from ocistacks.blob.decompression import CompressedChunks, decompress
from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD, Blob
from ocistacks.blob.toc import CHECKSUM_KEYS, POSITION_KEYS, TAR_SPLIT_KEY
from ocistacks.builder.shared_layers import FoundLayer
from ocistacks.digests import Digest
from ocistacks.errors import (
    AuthError,
    DigestError,
    NotFoundError,
    TransferError,
    UnsafeContentError,
)
from ocistacks.oci import annotations as keys
from ocistacks.oci.assemble import input_digest_tag
from ocistacks.oci.description import LayerDescription, is_layer_artifact
from ocistacks.oci.layer_artifact import checked_artifact, read_configuration
from ocistacks.registry.model import Descriptor, PlatformObject, read_graph_document
from ocistacks.registry.retry import retried
from ocistacks.registry.source import file_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ocistacks.errors import OcistacksError
    from ocistacks.progress import Reporter, Task
    from ocistacks.registry.model import ImageConfiguration
    from ocistacks.registry.reference import RegistryReference
    from ocistacks.registry.repository import Repository
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.store.store import Store

_PARALLEL = 4
_WRONG_THERE = (AuthError, DigestError, NotFoundError, TransferError, UnsafeContentError)
_MEDIA_TYPES = {"zstd": MEDIA_TYPE_TAR_ZSTD, "gzip": MEDIA_TYPE_TAR_GZIP}
_TABLE_KEYS = (*CHECKSUM_KEYS, *POSITION_KEYS, TAR_SPLIT_KEY)


class LayerRepository:
    """One repository, asked for layers (see ``SharedLayers``)."""

    def __init__(
        self,
        repository: Repository,
        reference: RegistryReference,
        *,
        store: Store,
        reporter: Reporter,
    ) -> None:
        self._repository = repository
        self._reference = reference
        self._store = store
        self._reporter = reporter

    def find(self, plans: Sequence[PlannedLayer]) -> Mapping[Digest, FoundLayer]:
        """Return those of the planned layers that are there, by input digest."""
        by_digest = {plan.input_digest: plan for plan in plans}
        with ThreadPoolExecutor(_PARALLEL) as executor:
            asked = executor.map(self._descriptor, by_digest)
            try:
                descriptors = dict(zip(by_digest, asked, strict=True))
            except _WRONG_THERE as error:
                self._warn("No layers can be taken", error)
                return {}
            found = executor.map(self._found, by_digest.values(), descriptors.values())
            return {
                digest: layer
                for digest, layer in zip(by_digest, found, strict=True)
                if layer is not None
            }

    def fetch(self, found: FoundLayer) -> bool:
        """Bring a layer's blob into the store, verified; False where it cannot be had."""
        blob = found.blob
        descriptor = Descriptor(media_type=blob.media_type, digest=blob.digest, size=blob.size)

        def attempt() -> None:
            if self._store.has_blob(blob.digest):
                return
            with (
                self._reporter.task(f"pull {found.name}", total=blob.size) as task,
                self._repository.open_blob(descriptor) as chunks,
            ):
                self._store.add_blob(blob.digest, _counted(chunks, task), what=str(found.origin))

        try:
            retried(attempt)
            _verify_tar(self._store.blob_path(blob.digest), found)
        except _WRONG_THERE as error:
            self._warn(f"The layer {found.name} cannot be taken", error)
            return False
        return True

    def _descriptor(self, input_digest: Digest) -> Descriptor | None:
        return self._repository.find(input_digest_tag(input_digest))

    def _found(self, plan: PlannedLayer, descriptor: Descriptor | None) -> FoundLayer | None:
        if descriptor is None:
            return None
        try:
            blob = self._checked(plan, descriptor)
        except _WRONG_THERE as error:
            self._warn(f"The layer {plan.request.install_target} cannot be taken", error)
            return None
        tag = input_digest_tag(plan.input_digest)
        return FoundLayer(
            name=plan.request.install_target,
            blob=blob,
            origin=replace(self._reference, tag=tag, digest=None),
        )

    def _checked(self, plan: PlannedLayer, descriptor: Descriptor) -> Blob:
        """Return what an artifact says of its blob, if it is the layer of the plan."""
        where = self._repository.describe(descriptor)
        content = self._repository.read_manifest(descriptor)
        document = read_graph_document(content, descriptor, where=where)
        manifest, blob = checked_artifact(document, where=where)
        itself = descriptor.model_copy(
            update={"artifact_type": manifest.artifact_type, "annotations": manifest.annotations}
        )
        configuration = read_configuration(self._repository, manifest, where=where)
        request = plan.request
        description = LayerDescription.from_annotations(
            itself.annotations or {}, request.platform, where=where
        )
        said = {
            "a layer artifact": is_layer_artifact(itself),
            f"input digest {plan.input_digest}": description.input_digest == plan.input_digest,
            f"install target {request.install_target}": description.install_target
            == request.install_target,
            f"kind {request.kind}": description.kind == request.kind,
            f"platform {request.platform}": PlatformObject(
                architecture=configuration.architecture, os=configuration.os
            ).names(request.platform),
            f"compression {request.compression}": blob.media_type
            == _MEDIA_TYPES[request.compression],
        }
        if wrong := [what for what, is_so in said.items() if not is_so]:
            raise UnsafeContentError(
                "An artifact is not the layer that its tag promises.",
                where=where,
                expected=", ".join(wrong),
            )
        return _blob(blob, configuration, where)

    def _warn(self, what: str, error: OcistacksError) -> None:
        reason = f"{error.what} {error.found or error.expected or ''}".rstrip()
        self._reporter.say(f"warning: {what} from {self._reference.name}: {reason}")


def _blob(blob: Descriptor, configuration: ImageConfiguration, where: str) -> Blob:
    """Return the blob as the builder that packed it told of it."""
    sizes = [blob.annotation(key) for key in (keys.BLOB_UNCOMPRESSED_SIZE, keys.BLOB_FILE_COUNT)]
    numbers = [int(size) for size in sizes if size is not None and size.isdecimal()]
    diff_ids = configuration.rootfs.diff_ids
    if len(numbers) != len(sizes) or len(diff_ids) != 1:
        raise UnsafeContentError(
            "An artifact does not say what is in its blob.",
            where=where,
            found=f"{len(diff_ids)} diff_ids, sizes {', '.join(map(str, sizes))}",
        )
    uncompressed_size, file_count = numbers
    return Blob(
        digest=blob.digest,
        size=blob.size,
        diff_id=diff_ids[0],
        uncompressed_size=uncompressed_size,
        media_type=blob.media_type,
        annotations={
            key: value for key in _TABLE_KEYS if (value := blob.annotation(key)) is not None
        },
        file_count=file_count,
    )


def _verify_tar(path: Path, found: FoundLayer) -> None:
    """Raise DigestError or UnsafeContentError where the blob holds another tar than was said.

    A record of the store that said so would be wrong for good.
    """
    blob = found.blob
    content = decompress(
        CompressedChunks(file_chunks(path)), blob.media_type, maximum_size=blob.uncompressed_size
    )
    diff_id = Digest.of_chunks(content)
    if diff_id != blob.diff_id:
        raise DigestError(
            "A layer's blob is not what its configuration promises.",
            where=str(found.origin),
            found=diff_id,
            expected=blob.diff_id,
        )


def _counted(chunks: Iterator[bytes], task: Task) -> Iterator[bytes]:
    for chunk in chunks:
        task.advance(len(chunk))
        yield chunk
