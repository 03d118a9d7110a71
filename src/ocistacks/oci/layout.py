"""OCI image layout on disk (image spec 1.1, image-layout.md), as a source and as a sink.

    oci-layout              says that the folder is one
    index.json              what has a tag: org.opencontainers.image.ref.name; and, without one,
                            what refers to another object by its subject, as oras writes it
    blobs/sha256/HEX        everything, by digest

Several processes may write to one layout: objects appear by rename, and index.json is changed
under a lock.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, NotFoundError, TargetError, TransferError
from ocistacks.files import atomic_file, unwritable
from ocistacks.oci import annotations as keys
from ocistacks.oci.layout_blobs import LayoutBlobs, missing
from ocistacks.registry import media_types
from ocistacks.registry.model import Descriptor, Index, Manifest, bound_document, read_kind
from ocistacks.registry.reference import DEFAULT_TAG
from ocistacks.registry.referrers import Referrer, of_type, referrers_tag, with_entries
from ocistacks.registry.source import verified_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MARKER_FILE: Final = "oci-layout"
_MARKER: Final = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX_FILE: Final = "index.json"
_LOCK_FILE: Final = ".index.json.lock"
_OWN_FILES: Final = (_MARKER_FILE, _INDEX_FILE)
_EMPTY_INDEX: Final = Index(media_type=media_types.IMAGE_INDEX, manifests=())


class ImageLayout(LayoutBlobs):
    """One image layout."""

    proves_parts = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._subjects: dict[Digest, Digest | None] = {}

    @classmethod
    def open(cls, folder: Path) -> ImageLayout:
        """Open a layout that exists; raise NotFoundError where there is none."""
        marker = folder / _MARKER_FILE
        try:
            version = json.loads(marker.read_bytes()[:1000]).get("imageLayoutVersion")
        except (OSError, ValueError, AttributeError) as error:
            raise NotFoundError(
                "There is no OCI image layout.",
                where=str(folder),
                found="nothing" if not folder.exists() else f"no usable {_MARKER_FILE} file",
                hint="write one with `ocistacks publish`, `ocistacks push` or `skopeo copy`",
            ) from error
        if version != "1.0.0":
            raise TransferError(
                "This OCI image layout is of a version that cannot be read.",
                where=str(marker),
                found=repr(version)[:100],
                expected="1.0.0",
            )
        return cls(folder)

    @classmethod
    def create(cls, folder: Path) -> ImageLayout:
        """Open a layout for writing, and make it first where there is none.

        Raises:
            TargetError: the folder holds something else, or cannot be written.
        """
        marker = folder / _MARKER_FILE
        if marker.exists():
            return cls.open(folder)
        layout = cls(folder)
        try:
            layout._refuse_strangers()
            (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            with layout._index_lock():
                if not (folder / _INDEX_FILE).exists():
                    layout._write(folder / _INDEX_FILE, _EMPTY_INDEX.canonical())
                layout._write(marker, _MARKER)
        except OSError as error:
            raise unwritable(folder, error) from error
        return layout

    @classmethod
    def planned(cls, folder: Path) -> ImageLayout:
        """Open a layout, or what ``create`` would make, to be asked what it has.

        Raises:
            TargetError: the folder holds something else.
        """
        if (folder / _MARKER_FILE).exists():
            return cls.open(folder)
        layout = cls(folder)
        layout._refuse_strangers()
        return layout

    def tags(self) -> dict[str, Descriptor]:
        """Return what is tagged."""
        entries = ((entry.annotation(keys.REFERENCE_NAME), entry) for entry in self._entries())
        return {tag: entry for tag, entry in entries if tag is not None}

    def describe(self, descriptor: Descriptor) -> str:
        """Return the object's path."""
        return str(self.blob_path(descriptor.digest))

    def resolve(self, target: str | None) -> Descriptor:
        """Return what a tag or digest names (see ``ObjectSource``)."""
        entries = self._entries()
        wanted = target or DEFAULT_TAG
        for entry in entries:
            if wanted in {entry.annotation(keys.REFERENCE_NAME), entry.digest}:
                return entry
        if target is None and len(entries) == 1:
            return entries[0]
        with suppress(DigestError):
            digest = Digest(wanted)
            if self.has_manifest(digest):
                return self._untagged(digest)
        raise NotFoundError(
            f"The image layout has no {wanted}.",
            where=str(self.folder),
            found=", ".join(sorted(self.tags())[:10]) or "no tag",
        )

    def find(self, target: str) -> Descriptor | None:
        """Return what a tag or digest names (see ``ObjectSink``)."""
        try:
            return self.resolve(target)
        except NotFoundError:
            return None

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Return a manifest's or index's bytes, verified."""
        path = self.blob_path(descriptor.digest)
        content = self._read(path, f"The image layout lacks {descriptor.digest}.")
        return verified_document(content, descriptor, str(path))

    def has_manifest(self, digest: Digest) -> bool:
        """Whether the manifest or index is there already."""
        return self.has_blob(digest)

    def write_manifest(self, content: bytes, media_type: str, tag: str | None) -> None:
        """Write a manifest or index, and let ``tag`` name it alone."""
        digest = Digest.of_bytes(content)
        if not self.has_blob(digest):
            self._write(self.blob_path(digest), content)
        if tag is not None:
            _, artifact_type = read_kind(content, where=str(self.blob_path(digest)))
            self._tag(
                Descriptor(
                    media_type=media_type,
                    digest=digest,
                    size=len(content),
                    artifact_type=artifact_type,
                    annotations={keys.REFERENCE_NAME: tag},
                ),
                tag,
            )

    def mount_blob(self, digest: Digest, from_repository: str) -> bool:
        """Return False: a layout has no other repositories beside it."""
        del digest, from_repository
        return False

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Return what refers to the object ``subject`` (see ``ReferrerPlace``).

        It stands in index.json, or in a list under the tag that registries without API have.
        """
        index = self._index()
        listed = [
            entry
            for entry in index.manifests
            if (entry.is_manifest or entry.is_index) and self._subject(entry) == subject
        ]
        for entry in index.manifests:
            is_list = entry.annotation(keys.REFERENCE_NAME) == referrers_tag(subject)
            if is_list and entry.is_index:
                listed += Index.read(
                    self.read_manifest(entry), where=self.describe(entry)
                ).manifests
        return of_type(listed, artifact_type)

    def write_referrers(self, subject: Digest, referrers: Sequence[Referrer]) -> None:
        """Write manifests whose subject that is, and list them (see ``ReferrerPlace``)."""
        del subject  # stands in the manifests, where the readers of a layout look
        for referrer in referrers:
            if not self.has_blob(referrer.descriptor.digest):
                self._write(self.blob_path(referrer.descriptor.digest), referrer.content)
        with self._index_lock():
            index = self._index()
            changed = with_entries(index, (referrer.descriptor for referrer in referrers))
            if changed is not index:
                self._write(self.folder / _INDEX_FILE, changed.canonical())

    def _subject(self, entry: Descriptor) -> Digest | None:
        """Return the digest of what an entry refers to; bytes of a digest never change."""
        if entry.digest not in self._subjects:
            model: type[Manifest | Index] = Index if entry.is_index else Manifest
            document = model.read(self.read_manifest(entry), where=self.describe(entry))
            subject = document.subject
            self._subjects[entry.digest] = subject.digest if subject is not None else None
        return self._subjects[entry.digest]

    def _refuse_strangers(self) -> None:
        """Refuse a folder of somebody else's; what another process has begun is no stranger."""
        if not self.folder.exists():
            return
        strangers = sorted(
            path.name
            for path in self.folder.iterdir()
            if path.name != "blobs" and not path.name.lstrip(".").startswith(_OWN_FILES)
        )
        if strangers:
            raise TargetError(
                "The folder holds something else than an OCI image layout.",
                where=str(self.folder),
                found=", ".join(strangers[:5]),
                hint="name an empty folder, or one that does not exist",
            )

    def _tag(self, tagged: Descriptor, tag: str) -> None:
        with self._index_lock():
            index = self._index()
            if tagged in index.manifests:
                return
            others = (
                entry for entry in index.manifests if entry.annotation(keys.REFERENCE_NAME) != tag
            )
            changed = index.model_copy(update={"manifests": (*others, tagged)})
            self._write(self.folder / _INDEX_FILE, changed.canonical())

    def _index_lock(self) -> FileLock:
        return FileLock(self.folder / _LOCK_FILE)

    def _entries(self) -> tuple[Descriptor, ...]:
        return self._index().manifests

    def _index(self) -> Index:
        path = self.folder / _INDEX_FILE
        content = self._read(path, "The image layout has no index.json.")
        return Index.read(content, where=str(path))

    def _untagged(self, digest: Digest) -> Descriptor:
        path = self.blob_path(digest)
        content = self._read(path, f"The image layout lacks {digest}.")
        media_type, artifact_type = read_kind(content, where=str(path))
        return Descriptor(
            media_type=media_type or media_types.IMAGE_MANIFEST,
            digest=digest,
            size=len(content),
            artifact_type=artifact_type,
        )

    def _read(self, path: Path, what: str) -> bytes:
        try:
            bound_document(path.stat().st_size, where=str(path))
            return path.read_bytes()
        except OSError as error:
            raise missing(what, path) from error

    def _write(self, path: Path, content: bytes) -> None:
        with atomic_file(path) as stream:
            stream.write(content)
