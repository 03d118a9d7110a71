"""What refers to an object by its ``subject``: SBOMs, provenance, signatures.

Distribution spec 1.1, "Listing Referrers" and "Pushing Manifests with Subject". A registry that
has the referrers API keeps the list itself. For one that has not, clients keep it: an index under
the tag ``sha256-HEX`` ("Referrers Tag Schema").
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, runtime_checkable
from urllib.parse import quote, urljoin, urlsplit

import requests

from ocistacks.digests import Digest
from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.redaction import without_secrets
from ocistacks.registry import media_types
from ocistacks.registry.errors import interrupted
from ocistacks.registry.model import (
    Descriptor,
    Index,
    Manifest,
    bound_document,
    read_graph_document,
)
from ocistacks.registry.retry import retried
from ocistacks.registry.source import CHUNK_BYTES
from ocistacks.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocistacks.registry.transport import Transport

_OK, _CREATED, _NOT_FOUND = 200, 201, 404
_MOST_PAGES = 100
_MOST_REFERRERS = 10_000
_ATTEMPTS = 5
_SUBJECT_HEADER = "OCI-Subject"
_EMPTY: Final = Index(media_type=media_types.IMAGE_INDEX, manifests=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Referrer:
    """A manifest or index that has a subject: its bytes, and how a list of referrers shows it."""

    content: bytes
    descriptor: Descriptor

    @classmethod
    def of(cls, content: bytes, media_type: str, *, where: str) -> Self:
        """Read what a list of referrers shows from the bytes; as ``read_graph_document`` raises."""
        plain = Descriptor(
            media_type=media_type, digest=Digest.of_bytes(content), size=len(content)
        )
        document = read_graph_document(content, plain, where=where)
        kind = document.artifact_type
        if kind is None and isinstance(document, Manifest):
            kind = document.config.media_type
        shown = {"artifact_type": kind, "annotations": document.annotations}
        return cls(content=content, descriptor=plain.model_copy(update=shown))


@runtime_checkable
class ReferrerPlace(Protocol):
    """A registry's repository or an image layout, whose objects may have referrers."""

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Return what refers to the object ``subject``, of one artifact type or of all."""

    def write_referrers(self, subject: Digest, referrers: Sequence[Referrer]) -> None:
        """Write manifests whose subject that is, and whose blobs are there, and list them."""


def referrers_tag(subject: Digest) -> str:
    """Return the tag that lists the referrers of an object where there is no API."""
    return f"sha256-{subject.hex}"


def of_type(listed: Iterable[Descriptor], artifact_type: str | None) -> tuple[Descriptor, ...]:
    """Return the referrers of one type, each once."""
    kept = {
        entry.digest: entry
        for entry in listed
        if artifact_type is None or entry.artifact_type == artifact_type
    }
    return tuple(kept.values())


def with_entries(index: Index, entries: Iterable[Descriptor]) -> Index:
    """Return a list of referrers that holds ``entries``, too; what stood in it stays as it is."""
    there = {entry.digest for entry in index.manifests}
    new = of_type((entry for entry in entries if entry.digest not in there), None)
    return index.model_copy(update={"manifests": (*index.manifests, *new)}) if new else index


class RegistryReferrers:
    """The referrers of one repository's objects."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self._name = name

    def listed(self, subject: Digest, artifact_type: str | None) -> tuple[Descriptor, ...]:
        """Return what refers to ``subject``, from the API or from the tag.

        Raises:
            AuthError, TransferError: the registry does not answer as it should.
            UnsafeContentError: it lists more than is followed.
        """
        entries = self._from_api(subject, artifact_type)
        if entries is None:
            entries = list(self._index(subject).manifests)
        return of_type(entries, artifact_type)

    def write(self, subject: Digest, referrers: Sequence[Referrer]) -> None:
        """Write referrers, and list those that the registry does not list by itself.

        Raises:
            AuthError, TransferError: the registry does not take them.
        """
        unlisted = [each.descriptor for each in referrers if not self._write(each, subject)]
        if unlisted:
            self._list(subject, unlisted)

    def _from_api(self, subject: Digest, artifact_type: str | None) -> list[Descriptor] | None:
        """Return all pages of the API's answer, None where the registry has no API."""
        query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
        url: str | None = self._transport.url(f"referrers/{subject}{query}")
        what = f"The registry cannot be asked what refers to {subject}."
        found: list[Descriptor] = []
        for _ in range(_MOST_PAGES):
            if url is None or len(found) > _MOST_REFERRERS:
                break
            request = Request(verb="GET", url=url, headers={"Accept": media_types.IMAGE_INDEX})
            with self._transport.send(request, what=what, expected=(_OK, _NOT_FOUND)) as response:
                # Some that have no API lead to a page for people instead.
                if response.status_code == _NOT_FOUND or not _is_index(response):
                    return None
                content = _content(response, url, what)
                found += Index.read(content, where=f"GET {without_secrets(url)}").manifests
                url = self._next_page(response)
        if url is not None:
            raise UnsafeContentError(
                "A registry lists more referrers than ocistacks follows.",
                where=f"{self._name}@{subject}",
                found=f"{len(found)} and more",
                expected=f"at most {_MOST_REFERRERS} in {_MOST_PAGES} pages",
            )
        return found

    def _next_page(self, response: requests.Response) -> str | None:
        """Return where the list goes on (RFC 8288), None at its end."""
        link = response.links.get("next", {}).get("url")
        if not link:
            return None
        url = urljoin(response.url, link)
        if urlsplit(url)[:2] != urlsplit(self._transport.base_url)[:2]:
            raise UnsafeContentError(
                "A registry's list of referrers goes on at another server.",
                where=self._transport.base_url,
                found=without_secrets(url)[:300],
            )
        return url

    def _write(self, referrer: Referrer, subject: Digest) -> bool:
        """Write a manifest; return whether the registry lists it by itself."""
        descriptor = referrer.descriptor
        listed_for = self._put(
            self._transport.url(f"manifests/{descriptor.digest}"),
            referrer.content,
            descriptor.media_type,
            f"What refers to {subject} cannot be written.",
        )
        return listed_for == subject

    def _list(self, subject: Digest, entries: Sequence[Descriptor]) -> None:
        """Add to the list under the tag, and look whether another client wrote at the same time."""
        wanted = {entry.digest for entry in entries}
        url = self._transport.url(f"manifests/{referrers_tag(subject)}")
        what = f"The list of what refers to {subject} cannot be written."
        for _ in range(_ATTEMPTS):
            index = self._index(subject)
            if wanted <= {entry.digest for entry in index.manifests}:
                return
            content = with_entries(index, entries).canonical()
            bound_document(len(content), where=f"PUT {without_secrets(url)}")
            self._put(url, content, media_types.IMAGE_INDEX, what)
        raise TransferError(
            what,
            where=f"{self._name}:{referrers_tag(subject)}",
            found=f"other clients replaced it {_ATTEMPTS} times",
            hint="run the command again",
        )

    def _put(self, url: str, content: bytes, media_type: str, what: str) -> str | None:
        """Write a document; return the subject whose referrers the registry adds it to."""
        request = Request(
            verb="PUT",
            url=url,
            headers={"Content-Type": media_type},
            body=lambda: nullcontext(iter((content,))),
            body_size=len(content),
        )

        def send() -> str | None:
            with self._transport.send(request, what=what, expected=(_CREATED,)) as response:
                return response.headers.get(_SUBJECT_HEADER)

        return retried(send)

    def _index(self, subject: Digest) -> Index:
        """Return the list under the tag, an empty one where there is none."""
        tag = referrers_tag(subject)
        url = self._transport.url(f"manifests/{tag}")
        what = f"There is no way to read {self._name}:{tag}."
        # Of a type that is not accepted, registries say that it is not there.
        request = Request(verb="GET", url=url, headers={"Accept": media_types.ACCEPTED})
        with self._transport.send(request, what=what, expected=(_OK, _NOT_FOUND)) as response:
            if response.status_code == _NOT_FOUND:
                return _EMPTY
            content = _content(response, url, what)
        media_type = _media_type(response)
        announced = Descriptor(
            media_type=media_type, digest=Digest.of_bytes(content), size=len(content)
        )
        document = read_graph_document(content, announced, where=f"{self._name}:{tag}")
        if not isinstance(document, Index):
            raise UnsafeContentError(
                "The tag that lists referrers names something else.",
                where=f"{self._name}:{tag}",
                found=media_type,
                expected=media_types.IMAGE_INDEX,
            )
        return document


def _is_index(response: requests.Response) -> bool:
    return _media_type(response) == media_types.IMAGE_INDEX


def _media_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _content(response: requests.Response, url: str, what: str) -> bytes:
    """Return an answer's body, of bounded size."""
    where = f"GET {without_secrets(url)}"
    content = bytearray()
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            content += chunk
            bound_document(len(content), where=where)
    except requests.RequestException as error:
        raise interrupted(error, url, what) from error
    return bytes(content)
