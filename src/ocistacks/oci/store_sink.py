"""The local store as a sink: a pull is a copy into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.files import unwritable

if TYPE_CHECKING:
    from ocistacks.oci.model import Descriptor
    from ocistacks.oci.source import Content
    from ocistacks.store.store import Store


class StoreSink:
    """Takes manifests and blobs alike by their digests; the store knows no tags."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there already."""
        return self._store.has_blob(digest)

    def has_manifest(self, digest: Digest) -> bool:
        """Whether the manifest or index is there already."""
        return self._store.has_blob(digest)

    def write_blob(self, descriptor: Descriptor, content: Content) -> None:
        """Write a blob, once however many processes ask for it (see ``ObjectSink``)."""
        with self._store.exclusively(f"blob-{descriptor.digest.hex}"):
            if self._store.has_blob(descriptor.digest):
                return
            with content() as chunks, self._store.new_blob() as temporary:
                try:
                    with temporary.open("wb") as stream:
                        for chunk in chunks:
                            stream.write(chunk)
                    self._store.adopt(temporary, descriptor.digest)
                except OSError as error:
                    raise unwritable(self._store.root, error) from error

    def write_manifest(self, content: bytes, media_type: str, tag: str | None) -> None:
        """Write a manifest or index; raise UsageError for a tag."""
        if tag is not None:
            raise UsageError("The store names objects by digest alone.", found=f"the tag {tag}")
        digest = Digest.of_bytes(content)
        if not self._store.has_blob(digest):
            self._store.add_blob(digest, (content,), what=f"{media_type} {digest}")

    def mount_blob(self, digest: Digest, from_repository: str) -> bool:
        """Return False: the store has no repositories."""
        del digest, from_repository
        return False
