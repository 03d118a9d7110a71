"""A registry's repository as a source and as a sink (distribution spec 1.1).

Blobs stream: no more than a few chunks of one are in memory at a time.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, OcistacksError, TransferError
from ocistacks.redaction import without_secrets
from ocistacks.registry import media_types
from ocistacks.registry.download import Download, received_chunks
from ocistacks.registry.errors import RangeRefusedError
from ocistacks.registry.model import LARGEST_DOCUMENT_BYTES, Descriptor, bound_document
from ocistacks.registry.multipart import read_parts
from ocistacks.registry.parts import (
    PARTIAL_CONTENT,
    WITHOUT_RANGES,
    WITHOUT_SEVERAL_RANGES,
    check_part_answer,
    range_headers,
)
from ocistacks.registry.reference import DEFAULT_TAG
from ocistacks.registry.referrers import RegistryReferrers
from ocistacks.registry.retry import retried
from ocistacks.registry.source import (
    bound_part,
    exactly,
    part_by_part,
    verified_chunks,
    verified_document,
)
from ocistacks.registry.transport import Request, Transport
from ocistacks.registry.upload import Uploader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import requests

    from ocistacks.registry.referrers import Referrer
    from ocistacks.registry.source import Content

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _NOT_FOUND = 200, 201, 202, 204, 404


class Repository:
    """One repository of one registry; safe to use from several threads."""

    proves_parts = True

    def __init__(
        self, host: str, repository: str, *, environment: Mapping[str, str], insecure: bool = False
    ) -> None:
        self._transport = Transport(host, repository, environment=environment, insecure=insecure)
        self._uploader = Uploader(self._transport, self.has_blob)
        self._name = f"{host}/{repository}"
        self._gives_several = True  # parts in one answer, until it does not
        self._referrers = RegistryReferrers(self._transport, self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transport.close()

    def describe(self, descriptor: Descriptor) -> str:
        """Return the object's name, HOST/REPOSITORY@DIGEST."""
        return f"{self._name}@{descriptor.digest}"

    def find(self, target: str) -> Descriptor | None:
        """Ask with one HEAD request whether a tag or digest is there."""
        request = self._head(f"manifests/{target}", accept=media_types.ACCEPTED)
        what = f"The registry cannot be asked for {self._spelled(target)}."
        with self._transport.send(request, what=what, expected=(_OK, _NOT_FOUND)) as response:
            if response.status_code == _NOT_FOUND:
                return None
            return _announced(response) or self._read_by_tag(target)

    def resolve(self, target: str | None) -> Descriptor:
        """Return what a tag or digest names (see ``ObjectSource``)."""
        # A miss is asked for again with GET, because only that answer holds the registry's words.
        return self.find(target or DEFAULT_TAG) or self._read_by_tag(target or DEFAULT_TAG)

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Return a manifest's or index's bytes, verified."""
        where = self.describe(descriptor)
        bound_document(descriptor.size, where=where)
        content, _ = self._get_manifest(descriptor.digest, descriptor.media_type)
        return verified_document(content, descriptor, where)

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks, verified while they stream (see ``ObjectSource``)."""
        with Download(self._transport, descriptor) as download:
            yield verified_chunks(download.chunks(), descriptor, download.where)

    @contextmanager
    def open_rest(self, descriptor: Descriptor, have: Path) -> Iterator[Iterator[bytes]]:
        """Open what comes after the bytes of a file, verified (see ``ResumableSource``)."""
        start = have.stat().st_size
        with Download(self._transport, descriptor, start=start) as download:
            yield verified_chunks(download.chunks(), descriptor, download.where, have=have)

    @contextmanager
    def open_part(self, descriptor: Descriptor, start: int, size: int) -> Iterator[Iterator[bytes]]:
        """Open a part of a blob; its bytes are not verified (see ``RangeSource``)."""
        bound_part(descriptor, start, size)
        what = f"A part of the blob {descriptor.digest} cannot be read."
        url = self._transport.url(f"blobs/{descriptor.digest}")
        request = Request(verb="GET", url=url, headers=range_headers((start, size)))
        expected = (PARTIAL_CONTENT, *WITHOUT_RANGES)
        with self._transport.send(request, what=what, expected=expected) as response:
            check_part_answer(response, descriptor, start, size, what)
            where = f"GET {without_secrets(url)}"
            yield exactly(received_chunks(response, url, what), size, where=where, what=what)

    @contextmanager
    def open_parts(
        self, descriptor: Descriptor, places: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[Iterator[bytes]]]:
        """Open parts of a blob; their bytes are not verified (see ``RangeSource``)."""
        with closing(self._parts(descriptor, places)) as parts:
            yield parts

    def _parts(
        self, descriptor: Descriptor, places: Sequence[tuple[int, int]]
    ) -> Generator[Iterator[bytes]]:
        """Yield parts from one answer, from more where the server has one part an answer."""
        given = 0
        if self._gives_several and len(places) > 1:
            for start, size in places:
                bound_part(descriptor, start, size)
            what = f"Parts of the blob {descriptor.digest} cannot be read."
            url = self._transport.url(f"blobs/{descriptor.digest}")
            request = Request(verb="GET", url=url, headers=range_headers(*places))
            expected = (PARTIAL_CONTENT, *WITHOUT_SEVERAL_RANGES)
            try:
                with self._transport.send(request, what=what, expected=expected) as response:
                    for part in read_parts(response, descriptor, places, what):
                        given += 1
                        yield part
            except RangeRefusedError:
                self._gives_several = False
        yield from part_by_part(self, descriptor, places[given:])

    def find_blob(self, digest: Digest) -> Descriptor:
        """Return the descriptor of a blob that is known by its digest alone.

        Raises:
            NotFoundError: the repository does not have it.
            TransferError: the registry does not tell its size.
        """
        what = f"The blob {digest} cannot be read."
        request = self._head(f"blobs/{digest}", accept="*/*")
        with self._transport.send(request, what=what, expected=(_OK,)) as response:
            size = response.headers.get("Content-Length", "")
        if not size.isdecimal():
            raise TransferError(
                what,
                where=f"HEAD {without_secrets(request.url)}",
                found="an answer without a Content-Length",
                expected="the blob's size in bytes",
            )
        return Descriptor(media_type=media_types.OCTET_STREAM, digest=digest, size=int(size))

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there already."""
        return self._is_there(f"blobs/{digest}", "*/*", f"the blob {digest}")

    def has_manifest(self, digest: Digest) -> bool:
        """Whether the manifest or index is there already."""
        return self._is_there(f"manifests/{digest}", media_types.ACCEPTED, str(digest))

    def write_blob(self, descriptor: Descriptor, content: Content) -> None:
        """Write a blob as it streams (see ``ObjectSink``)."""
        if not self.has_blob(descriptor.digest):
            self._uploader.send(descriptor, content)

    def write_manifest(self, content: bytes, media_type: str, tag: str | None) -> None:
        """Write a manifest or index, and let ``tag`` name it."""
        target = tag or Digest.of_bytes(content)
        request = Request(
            verb="PUT",
            url=self._transport.url(f"manifests/{target}"),
            headers={"Content-Type": media_type},
            body=lambda: nullcontext(iter((content,))),
            body_size=len(content),
        )
        what = f"{self._spelled(target)[0].upper()}{self._spelled(target)[1:]} cannot be written."
        with self._transport.send(request, what=what, expected=(_CREATED,)):
            pass

    def mount_blob(self, digest: Digest, from_repository: str) -> bool:
        """Share a blob of another repository (distribution spec 1.1, "Mounting a blob")."""
        query = f"mount={quote(digest, safe='')}&from={quote(from_repository, safe='')}"
        request = Request(verb="POST", url=self._transport.url(f"blobs/uploads/?{query}"))
        what = f"The blob {digest} cannot be mounted from {from_repository}."
        expected = (_CREATED, _ACCEPTED)
        with self._transport.send(request, what=what, expected=expected) as response:
            if response.status_code == _CREATED:
                return True
            location = self._transport.location(response)
        # The registry began an ordinary upload instead: it is given back, the blob goes its way.
        cancel = Request(verb="DELETE", url=location)
        with (
            suppress(OcistacksError),
            self._transport.send(cancel, what=what, expected=(_NO_CONTENT,)),
        ):
            pass
        return False

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """Return what refers to the object ``subject`` (see ``ReferrerPlace``)."""
        return self._referrers.listed(subject, artifact_type)

    def write_referrers(self, subject: Digest, referrers: Sequence[Referrer]) -> None:
        """Write manifests whose subject that is, and list them (see ``ReferrerPlace``)."""
        self._referrers.write(subject, referrers)

    def _is_there(self, path: str, accept: str, name: str) -> bool:
        what = f"The registry cannot be asked for {name}."
        request = self._head(path, accept=accept)
        with self._transport.send(request, what=what, expected=(_OK, _NOT_FOUND)) as response:
            return response.status_code == _OK

    def _head(self, path: str, *, accept: str) -> Request:
        return Request(verb="HEAD", url=self._transport.url(path), headers={"Accept": accept})

    def _read_by_tag(self, target: str) -> Descriptor:
        content, media_type = self._get_manifest(target, media_types.ACCEPTED)
        return Descriptor(media_type=media_type, digest=Digest.of_bytes(content), size=len(content))

    def _get_manifest(self, target: str, accept: str) -> tuple[bytes, str]:
        """Return a manifest's bytes, of bounded number and not verified, and its media type."""
        return retried(lambda: self._get_manifest_at_once(target, accept))

    def _get_manifest_at_once(self, target: str, accept: str) -> tuple[bytes, str]:
        url = self._transport.url(f"manifests/{target}")
        what = f"There is no way to read {self._spelled(target)}."
        request = Request(verb="GET", url=url, headers={"Accept": accept})
        with self._transport.send(request, what=what, expected=(_OK,)) as response:
            content = bytearray()
            for chunk in received_chunks(response, url, what):
                content += chunk
                if len(content) > LARGEST_DOCUMENT_BYTES:
                    break
            bound_document(len(content), where=f"GET {without_secrets(url)}")
            return bytes(content), _media_type(response)

    def _spelled(self, target: str) -> str:
        separator = "@" if ":" in target else ":"
        return f"{self._name}{separator}{target}"


def _announced(response: requests.Response) -> Descriptor | None:
    """Return what the headers of a HEAD answer say, None where they leave something out."""
    size = response.headers.get("Content-Length", "")
    try:
        digest = Digest(response.headers.get("Docker-Content-Digest", ""))
    except DigestError:
        return None
    if not size.isdecimal() or not _media_type(response):
        return None
    return Descriptor(media_type=_media_type(response), digest=digest, size=int(size))


def _media_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()
