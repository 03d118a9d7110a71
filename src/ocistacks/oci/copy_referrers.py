"""Copying what refers to the objects of a stack: SBOMs, provenance, and what others attached."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ocistacks.errors import UnsafeContentError
from ocistacks.oci.attestations import AttestationSummary, write_referrers
from ocistacks.oci.graph import read_graph
from ocistacks.registry.model import Manifest, read_graph_document
from ocistacks.registry.referrers import Referrer

if TYPE_CHECKING:
    from ocistacks.digests import Digest
    from ocistacks.oci.attestations import AttestationSink, AttestationSource
    from ocistacks.registry.model import Descriptor

_JOBS = 4


def copy_referrers(
    source: AttestationSource, sink: AttestationSink, root: Descriptor
) -> AttestationSummary:
    """Copy what refers to ``root`` or to a manifest below it, which the sink has already.

    Only what refers to them itself is copied, not what refers to that.

    Raises:
        AuthError, DigestError, NotFoundError, TargetError, TransferError: it cannot be copied.
        UnsafeContentError: what refers to an object is no artifact.
    """
    with ThreadPoolExecutor(_JOBS) as executor:
        graph = read_graph(source, root, executor)
        subjects = [manifest.descriptor.digest for manifest in graph.manifests]
        copied = tuple(executor.map(lambda each: copy_attestations(source, sink, each), subjects))
    return AttestationSummary(
        sent=sum(each.sent for each in copied), present=sum(each.present for each in copied)
    )


def copy_attestations(
    source: AttestationSource, sink: AttestationSink, subject: Digest
) -> AttestationSummary:
    """Copy what refers to one object that both have; as ``copy_referrers`` raises."""
    wanted = source.referrers(subject)
    if not wanted:
        return AttestationSummary(sent=0, present=0)
    there = {entry.digest for entry in sink.referrers(subject)}
    missing = [entry for entry in wanted if entry.digest not in there]
    referrers = [_copy_parts(source, sink, entry) for entry in missing]
    write_referrers(sink, subject, referrers)
    return AttestationSummary(sent=len(missing), present=len(wanted) - len(missing))


def _copy_parts(source: AttestationSource, sink: AttestationSink, listed: Descriptor) -> Referrer:
    where = source.describe(listed)
    content = source.read_manifest(listed)
    document = read_graph_document(content, listed, where=where)
    if not isinstance(document, Manifest):
        raise UnsafeContentError(
            "An index refers to an object; only artifacts that do can be copied.", where=where
        )
    for blob in (*document.layers, document.config):
        if not sink.has_blob(blob.digest):
            sink.write_blob(blob, lambda blob=blob: source.open_blob(blob))  # type: ignore[misc]
    return Referrer.of(content, listed.media_type, where=where)
