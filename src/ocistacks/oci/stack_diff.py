"""How two stacks differ, from their manifests and their blobs' tables of contents alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocistacks.errors import NotFoundError, TransferError
from ocistacks.oci.listing import ListedArtifact, listed_artifacts
from ocistacks.oci.remote_toc import read_remote_toc, toc_place
from ocistacks.oci.toc_diff import (
    FileChanges,
    PackageChange,
    bytes_to_fetch,
    file_changes,
    held_digests,
    package_changes,
)
from ocistacks.registry.source import RangeSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.blob.toc import Toc
    from ocistacks.digests import Digest
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSource

_PARALLEL = 4

Status = Literal["same", "changed", "added", "removed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerDiff:
    """One layer of both sides, or of one; sizes in bytes.

    ``fetch_size`` is what a node that holds the one side must fetch for this layer.
    ``packages`` and ``files`` are None but for changed layers whose blobs have tables of contents.
    """

    name: str
    status: Status
    before: Descriptor | None
    after: Descriptor | None
    fetch_size: int
    packages: tuple[PackageChange, ...] | None = None
    files: FileChanges | None = None

    def to_json(self, *, with_files: bool) -> dict[str, object]:
        """Return the layer as JSON has it; names of files only ``with_files``."""
        return {
            "name": self.name,
            "status": self.status,
            "from": None if self.before is None else _blob_json(self.before),
            "to": None if self.after is None else _blob_json(self.after),
            "fetch_bytes": self.fetch_size,
            "packages": None
            if self.packages is None
            else [change.to_json() for change in self.packages],
            "files": None if self.files is None else _files_json(self.files, with_files=with_files),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class StackDiff:
    """The layers of both sides for one platform; ``size`` are the bytes of the second side's."""

    platform: Platform
    layers: tuple[LayerDiff, ...]
    size: int

    @property
    def fetch_size(self) -> int:
        """The bytes that a node which holds the first side must fetch for the second."""
        return sum(layer.fetch_size for layer in self.layers)

    def to_json(self, *, with_files: bool) -> dict[str, object]:
        """Return the difference as JSON has it."""
        return {
            "platform": self.platform,
            "layers": [layer.to_json(with_files=with_files) for layer in self.layers],
            "fetch_bytes": self.fetch_size,
            "bytes": self.size,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two: where it is, what it is, and how messages name it."""

    source: ObjectSource
    root: Descriptor
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layers:
    """The layers of one side by name, and the tables of contents by blob."""

    artifacts: Mapping[str, ListedArtifact]
    tocs: Mapping[Digest, Toc]

    @property
    def blobs(self) -> frozenset[Digest]:
        """The blobs that a node holds with this side."""
        return frozenset(artifact.blob.digest for artifact in self.artifacts.values())


def diff_stacks(before: Side, after: Side, platform: Platform) -> StackDiff:
    """Return how two stacks, or two layer artifacts, differ on one platform.

    Raises:
        DigestError, NotFoundError, TransferError, UnsafeContentError: one cannot be read.
        RangeRefusedError: a registry gives blobs only as a whole.
    """
    old, new = _read(before, platform), _read(after, platform)
    held = set(held_digests(old.tocs.values()))
    blobs = set(old.blobs)
    names = (*new.artifacts, *(name for name in old.artifacts if name not in new.artifacts))
    layers = tuple(_layer(name, old, new, held, blobs) for name in names)
    sizes = {each.blob.digest: each.blob.size for each in new.artifacts.values()}
    return StackDiff(platform=platform, layers=layers, size=sum(sizes.values()))


def _read(side: Side, platform: Platform) -> _Layers:
    source = side.source
    if not isinstance(source, RangeSource):
        raise TransferError("Parts of blobs cannot be read here.", where=side.name)
    artifacts = [
        artifact
        for artifact in listed_artifacts(source, side.root)
        if artifact.description.platform is platform
    ]
    if not artifacts:
        raise NotFoundError(
            "There are no layers for the platform to compare.",
            where=side.name,
            expected=f"a stack or a layer for {platform}",
        )
    blobs = {artifact.blob.digest: artifact.blob for artifact in artifacts}
    with ThreadPoolExecutor(_PARALLEL) as executor:
        tocs = executor.map(lambda blob: read_remote_toc(source, blob), blobs.values())
        found = dict(zip(blobs, tocs, strict=True))
    return _Layers(
        artifacts={artifact.description.name: artifact for artifact in artifacts},
        tocs={digest: toc for digest, toc in found.items() if toc is not None},
    )


def _layer(
    name: str, old: _Layers, new: _Layers, held: set[Digest], blobs: set[Digest]
) -> LayerDiff:
    """Compare one layer; what is fetched for it is in ``held`` and ``blobs`` afterwards."""
    before = old.artifacts[name].blob if name in old.artifacts else None
    after = new.artifacts[name].blob if name in new.artifacts else None
    fetch_size = 0 if after is None else _fetch_size(after, new, held, blobs)
    if before is None or after is None or before.digest == after.digest:
        return LayerDiff(
            name=name,
            status="added" if before is None else "removed" if after is None else "same",
            before=before,
            after=after,
            fetch_size=fetch_size,
        )
    old_toc, new_toc = old.tocs.get(before.digest), new.tocs.get(after.digest)
    if old_toc is None or new_toc is None:
        packages, files = None, None
    else:
        packages, files = package_changes(old_toc, new_toc), file_changes(old_toc, new_toc)
    return LayerDiff(
        name=name,
        status="changed",
        before=before,
        after=after,
        fetch_size=fetch_size,
        packages=packages,
        files=files,
    )


def _fetch_size(blob: Descriptor, new: _Layers, held: set[Digest], blobs: set[Digest]) -> int:
    """Return the bytes that are fetched for a blob: of its missing files, and of its table.

    A blob without a table, or one whose parts are more than the whole, is fetched as a whole.
    """
    if blob.digest in blobs:
        return 0
    blobs.add(blob.digest)
    place, toc = toc_place(blob), new.tocs.get(blob.digest)
    if place is None or toc is None:
        return blob.size
    return min(blob.size, place.part.size + bytes_to_fetch(toc, held))


def _blob_json(blob: Descriptor) -> dict[str, object]:
    return {"digest": blob.digest, "bytes": blob.size}


def _files_json(files: FileChanges, *, with_files: bool) -> dict[str, object]:
    changes = {"added": files.added, "removed": files.removed, "changed": files.changed}
    return {kind: list(names) if with_files else len(names) for kind, names in changes.items()}
