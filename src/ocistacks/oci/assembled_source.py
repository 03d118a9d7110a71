"""Freshly assembled objects as a source: documents in memory, layer blobs in the local store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocistacks.errors import NotFoundError
from ocistacks.registry.source import file_chunks, verified_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.oci.assemble import Assembled, AssembledIndex
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store


class AssembledSource:
    """What was assembled on this machine.

    ``base`` is where base layers come from: the base image's registry or layout. ``elsewhere`` is
    where layer blobs are that the store does not have. Blobs of the store were verified when they
    entered it, so that a layout may link them.
    """

    def __init__(
        self,
        objects: Iterable[Assembled],
        indexes: Iterable[AssembledIndex] = (),
        *,
        store: Store,
        base: ObjectSource | None = None,
        elsewhere: Mapping[Digest, ObjectSource] | None = None,
    ) -> None:
        self._store = store
        self._base = base
        self._elsewhere = elsewhere or {}
        self._documents: dict[Digest, bytes] = {}
        self._descriptors: dict[Digest, Descriptor] = {}
        for assembled in objects:
            self._add(assembled.descriptor, assembled.manifest)
            self._add(assembled.configuration_descriptor, assembled.configuration)
        for index in indexes:
            self._add(index.descriptor, index.index)

    def describe(self, descriptor: Descriptor) -> str:
        """Return where the object is."""
        if descriptor.digest in self._documents:
            return f"{descriptor.digest} (assembled here)"
        other = self._elsewhere.get(descriptor.digest, self._base)
        if other is None or self._store.has_blob(descriptor.digest):
            return str(self._store.blob_path(descriptor.digest))
        return other.describe(descriptor)

    def resolve(self, target: str | None) -> Descriptor:
        """Return the descriptor of the object with the digest ``target``."""
        for digest, descriptor in self._descriptors.items():
            if digest == target:
                return descriptor
        raise NotFoundError("No such object was assembled.", where=str(target))

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Return an assembled manifest's or index's bytes."""
        self.resolve(descriptor.digest)
        return self._documents[descriptor.digest]

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a configuration, a layer of the store, or a base layer (see ``ObjectSource``)."""
        document = self._documents.get(descriptor.digest)
        if document is not None:
            yield iter((document,))
            return
        path = self.blob_file(descriptor)
        if path is not None:
            yield verified_chunks(file_chunks(path), descriptor, str(path))
            return
        other = self._elsewhere.get(descriptor.digest, self._base)
        if other is None:
            raise NotFoundError(
                "A layer's blob is not in the store.",
                where=str(self._store.blob_path(descriptor.digest)),
                hint="build the stack again",
            )
        with other.open_blob(descriptor) as chunks:
            yield chunks

    def blob_file(self, descriptor: Descriptor) -> Path | None:
        """Return the store's file of a blob, None where the blob is elsewhere."""
        if descriptor.digest in self._documents or not self._store.has_blob(descriptor.digest):
            return None
        return self._store.blob_path(descriptor.digest)

    def _add(self, descriptor: Descriptor, content: bytes) -> None:
        self._documents[descriptor.digest] = content
        self._descriptors[descriptor.digest] = descriptor
