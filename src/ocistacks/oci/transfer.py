"""Copying an index or manifest with all that hangs on it from a source to a sink.

The plan is made first: what the sink lacks. Then blobs go in parallel, manifests after their
blobs, indexes after their manifests, and the tag moves last, so that a reader of the tag never
meets a hole. A wrong blob stays nowhere.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.oci.graph import ObjectGraph, read_graph
from ocistacks.oci.sending import BlobSender
from ocistacks.oci.transfer_plan import TransferPlan
from ocistacks.registry.model import Manifest
from ocistacks.registry.reference import is_tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from ocistacks.digests import Digest
    from ocistacks.oci.graph import GraphManifest
    from ocistacks.oci.transfer_plan import MountSource
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSink, ObjectSource

DEFAULT_JOBS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferSummary:
    """What a copy did; sizes in bytes, ``manifests`` those that the sink lacked.

    Configurations count as blobs. Mounted is what another repository of the registry shares.
    """

    sent_blobs: int
    sent_bytes: int
    present_blobs: int
    present_bytes: int
    manifests: int
    mounted_blobs: int
    mounted_bytes: int


def plan_copy(
    source: ObjectSource,
    sink: ObjectSink,
    root: Descriptor,
    *,
    jobs: int = DEFAULT_JOBS,
    extra_tags: Mapping[str, str] | None = None,
    mount_from: MountSource | None = None,
) -> TransferPlan:
    """Ask a sink what it lacks for ``copy_objects``; change nothing.

    Raises:
        AuthError, DigestError, NotFoundError, TransferError, UnsafeContentError: what ``source``
            has cannot be read, or ``sink`` cannot be asked.
    """
    with ThreadPoolExecutor(jobs) as executor:
        graph = _graph(source, root, extra_tags or {}, executor)
        return _plan(graph, sink, mount_from, executor)


def copy_objects(
    source: ObjectSource,
    sink: ObjectSink,
    root: Descriptor,
    *,
    reporter: Reporter,
    jobs: int = DEFAULT_JOBS,
    tag: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
    mount_from: MountSource | None = None,
    blobs: ObjectSource | None = None,
) -> TransferSummary:
    """Copy ``root`` with all below it; send nothing that the sink has.

    ``tag`` will name the root. ``extra_tags`` (tag to digest) will name other manifests; those
    which do not hang on the root are copied from ``source`` too. ``mount_from`` is a repository
    of the sink's registry, whose blobs are shared where it has them. ``blobs`` is where blobs come
    from, if not from ``source``: what it can do beyond reading them is made use of.

    Raises:
        UsageError: a tag cannot be one.
        AuthError, DigestError, NotFoundError, TargetError, TransferError, UnsafeContentError: a
            transfer failed. ``tag`` has not moved then; objects that were complete stay.
    """
    names = _names_by_digest(extra_tags or {}, tag)
    with ThreadPoolExecutor(jobs) as executor:
        graph = _graph(source, root, extra_tags or {}, executor)
        plan = _plan(graph, sink, mount_from, executor)
        sender = BlobSender(blobs or source, sink, reporter=reporter, mounts=plan.mounts)
        mounted = sender.send(plan.missing_blobs, executor)
        _write_manifests(plan, sink, names, executor)
        if tag is not None:
            _write(sink, _of(plan, root), tag)
    mounted_bytes = sum(blob.size for blob in plan.missing_blobs if blob.digest in mounted)
    return TransferSummary(
        sent_blobs=len(plan.missing_blobs) - len(mounted),
        sent_bytes=_bytes(plan.missing_blobs) - mounted_bytes,
        present_blobs=len(plan.present_blobs),
        present_bytes=_bytes(plan.present_blobs),
        manifests=len(plan.missing_manifests),
        mounted_blobs=len(mounted),
        mounted_bytes=mounted_bytes,
    )


def _names_by_digest(
    extra_tags: Mapping[str, str], tag: str | None
) -> Mapping[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for name, digest in extra_tags.items():
        names[digest] = (*names.get(digest, ()), name)
    for name in (*extra_tags, *(() if tag is None else (tag,))):
        if not is_tag(name):
            raise UsageError(
                "What is copied cannot get this tag.",
                found=repr(name[:200]),
                expected="at most 128 of A-Z a-z 0-9 _ . -, not beginning with . or -",
            )
    return names


def _graph(
    source: ObjectSource, root: Descriptor, extra_tags: Mapping[str, str], executor: Executor
) -> ObjectGraph:
    """Return what hangs on the root, and what hangs on tagged manifests beside it."""
    graph = read_graph(source, root, executor)
    for digest in sorted(set(extra_tags.values())):
        if all(manifest.descriptor.digest != digest for manifest in graph.manifests):
            graph = read_graph(source, source.resolve(digest), executor).merged(graph)
    return graph


def _plan(
    graph: ObjectGraph, sink: ObjectSink, mount_from: MountSource | None, executor: Executor
) -> TransferPlan:
    digests = [manifest.descriptor.digest for manifest in graph.manifests]
    present: set[Digest] = set()
    if sink.has_manifest(digests[-1]):
        present.add(digests[-1])
        if sink.proves_parts:
            present |= graph.below(digests[-1])
    unknown = [digest for digest in digests[:-1] if digest not in present]
    answers = executor.map(sink.has_manifest, unknown)
    present |= {digest for digest, there in zip(unknown, answers, strict=True) if there}
    proven = _parts(graph, present) if sink.proves_parts else set()
    asked = [blob for blob in graph.blobs if blob.digest not in proven]
    there = executor.map(lambda blob: sink.has_blob(blob.digest), asked)
    missing = [blob for blob, is_there in zip(asked, there, strict=True) if not is_there]
    lacking = {blob.digest for blob in missing}
    return TransferPlan(
        missing_blobs=tuple(sorted(missing, key=lambda blob: -blob.size)),
        present_blobs=tuple(blob for blob in graph.blobs if blob.digest not in lacking),
        missing_manifests=tuple(
            manifest for manifest in graph.manifests if manifest.descriptor.digest not in present
        ),
        present_manifests=tuple(
            manifest for manifest in graph.manifests if manifest.descriptor.digest in present
        ),
        mounts=_mounts(missing, mount_from, executor),
    )


def _mounts(
    missing: list[Descriptor], mount_from: MountSource | None, executor: Executor
) -> Mapping[Digest, str]:
    """Return which of the missing blobs the other repository has."""
    if mount_from is None:
        return {}
    digests = [blob.digest for blob in missing]
    there = executor.map(mount_from.has_blob, digests)
    return {
        digest: mount_from.repository
        for digest, is_there in zip(digests, there, strict=True)
        if is_there
    }


def _parts(graph: ObjectGraph, present: set[Digest]) -> set[Digest]:
    """Return the digests of the blobs that belong to manifests which are there."""
    return {
        blob.digest
        for manifest in graph.manifests
        if manifest.descriptor.digest in present and isinstance(manifest.document, Manifest)
        for blob in (*manifest.document.layers, manifest.document.config)
    }


def _write_manifests(
    plan: TransferPlan,
    sink: ObjectSink,
    names: Mapping[str, tuple[str, ...]],
    executor: Executor,
) -> None:
    """Write what is missing, and every extra tag: images at the same time, then their indexes."""

    def write(manifest: GraphManifest) -> None:
        digest = manifest.descriptor.digest
        for name in names.get(digest, ()):
            # Whoever has nothing to write may have no right to do it.
            if digest in missing or not _has_name(sink, name, digest):
                _write(sink, manifest, name)
        if digest not in names and digest in missing:
            _write(sink, manifest, None)

    missing = {manifest.descriptor.digest for manifest in plan.missing_manifests}
    manifests = (*plan.missing_manifests, *plan.present_manifests)
    images = [manifest for manifest in manifests if isinstance(manifest.document, Manifest)]
    for _ in executor.map(write, images):
        pass
    for manifest in manifests:
        if not isinstance(manifest.document, Manifest):
            write(manifest)


def _has_name(sink: ObjectSink, name: str, digest: Digest) -> bool:
    found = sink.find(name)
    return found is not None and found.digest == digest


def _write(sink: ObjectSink, manifest: GraphManifest, tag: str | None) -> None:
    sink.write_manifest(manifest.content, manifest.descriptor.media_type, tag)


def _of(plan: TransferPlan, descriptor: Descriptor) -> GraphManifest:
    manifests = (*plan.missing_manifests, *plan.present_manifests)
    return next(each for each in manifests if each.descriptor.digest == descriptor.digest)


def _bytes(blobs: tuple[Descriptor, ...]) -> int:
    return sum(blob.size for blob in blobs)
