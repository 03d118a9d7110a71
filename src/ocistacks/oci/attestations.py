"""Documents about an object, as artifacts that refer to it: SBOMs and provenance.

An artifact of one document (image spec 1.1, "Guidelines for Artifact Usage"): an empty
configuration, the document as its one layer, and the object as its subject.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ocistacks.digests import Digest
from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.oci import annotations as keys
from ocistacks.registry import media_types
from ocistacks.registry.model import Descriptor, Manifest, read_graph_document
from ocistacks.registry.referrers import Referrer, ReferrerPlace
from ocistacks.registry.source import ObjectSink, ObjectSource, read_blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LARGEST_ATTESTATION_BYTES: Final = 16 << 20

_JOBS = 4
_REFUSED_HINT = "where a registry takes no SBOMs and provenance, use --no-attestations"
_EMPTY: Final = b"{}"
_EMPTY_DESCRIPTOR: Final = Descriptor(
    media_type=media_types.EMPTY, digest=Digest.of_bytes(_EMPTY), size=len(_EMPTY)
)


class AttestationSink(ObjectSink, ReferrerPlace, Protocol):
    """Where attestations go: a registry's repository or an image layout."""


class AttestationSource(ObjectSource, ReferrerPlace, Protocol):
    """Where attestations are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """A document about the object ``subject``, as the artifact that refers to it."""

    subject: Digest
    document: Descriptor
    content: bytes
    referrer: Referrer


@dataclass(frozen=True, kw_only=True, slots=True)
class AttestationSummary:
    """How many attestations were sent, and how many were there."""

    sent: int
    present: int


def attestation(subject: Descriptor, kind: str, content: bytes, *, title: str) -> Attestation:
    """Return the artifact that holds a document of the media type ``kind`` about ``subject``."""
    document = Descriptor(
        media_type=kind,
        digest=Digest.of_bytes(content),
        size=len(content),
        annotations={keys.TITLE: title},
    )
    manifest = Manifest(
        media_type=media_types.IMAGE_MANIFEST,
        artifact_type=kind,
        config=_EMPTY_DESCRIPTOR,
        layers=(document,),
        subject=Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size),
    ).canonical()
    return Attestation(
        subject=subject.digest,
        document=document,
        content=content,
        referrer=Referrer.of(manifest, media_types.IMAGE_MANIFEST, where=title),
    )


def attach(attestations: Iterable[Attestation], sink: AttestationSink) -> AttestationSummary:
    """Write what the sink lacks of ``attestations``; their subjects are there.

    Raises:
        AuthError, TargetError, TransferError: the sink does not take them.
    """
    by_subject: dict[Digest, list[Attestation]] = {}
    for each in attestations:
        by_subject.setdefault(each.subject, []).append(each)

    def attach_to(subject: Digest) -> int:
        missing = _missing(sink, subject, by_subject[subject])
        for each in missing:
            _write(sink, _EMPTY_DESCRIPTOR, _EMPTY)
            _write(sink, each.document, each.content)
        write_referrers(sink, subject, [each.referrer for each in missing])
        return len(missing)

    with ThreadPoolExecutor(_JOBS) as executor:
        sent = sum(executor.map(attach_to, by_subject))
    return AttestationSummary(sent=sent, present=sum(map(len, by_subject.values())) - sent)


def write_referrers(sink: ReferrerPlace, subject: Digest, referrers: Sequence[Referrer]) -> None:
    """Write what refers to an object, if anything; a refusal tells how to go on without.

    Raises:
        AuthError, TransferError: the sink does not take it.
    """
    try:
        if referrers:
            sink.write_referrers(subject, referrers)
    except TransferError as error:
        error.hint = error.hint or _REFUSED_HINT
        raise


def read_attestations(
    source: AttestationSource, subject: Digest, kind: str
) -> tuple[tuple[Descriptor, bytes], ...]:
    """Return the documents of one type about an object, verified, with their descriptors.

    Raises:
        DigestError, NotFoundError, TransferError: one cannot be read.
        UnsafeContentError: one is no artifact of one document, or too large.
    """
    return tuple(_read(source, subject, listed) for listed in source.referrers(subject, kind))


def _missing(
    sink: AttestationSink, subject: Digest, wanted: Sequence[Attestation]
) -> list[Attestation]:
    listed = {entry.digest for entry in sink.referrers(subject)}
    return [
        each
        for each in wanted
        if each.referrer.descriptor.digest not in listed
        or not sink.has_manifest(each.referrer.descriptor.digest)
    ]


def _write(sink: AttestationSink, descriptor: Descriptor, content: bytes) -> None:
    if not sink.has_blob(descriptor.digest):
        sink.write_blob(descriptor, lambda: nullcontext(iter((content,))))


def _read(
    source: AttestationSource, subject: Digest, listed: Descriptor
) -> tuple[Descriptor, bytes]:
    where = source.describe(listed)
    manifest = read_graph_document(source.read_manifest(listed), listed, where=where)
    if not isinstance(manifest, Manifest) or len(manifest.layers) != 1:
        raise UnsafeContentError(
            "An attestation does not hold one document.",
            where=where,
            found=f"{len(manifest.layers)} documents"
            if isinstance(manifest, Manifest)
            else "an index",
            expected="1 document",
        )
    if manifest.subject is None or manifest.subject.digest != subject:
        raise UnsafeContentError(
            "An attestation is listed for an object that it does not refer to.",
            where=where,
            found=manifest.subject.digest if manifest.subject is not None else "no subject",
            expected=subject,
        )
    document = manifest.layers[0]
    if document.size > LARGEST_ATTESTATION_BYTES:
        raise UnsafeContentError(
            "An attestation is too large.",
            where=where,
            found=f"{document.size} bytes",
            expected=f"at most {LARGEST_ATTESTATION_BYTES} bytes",
        )
    return document, read_blob(source, document)
