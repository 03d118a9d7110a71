"""Attestations in a real registry: sent once, read back verified, refused where they are odd."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TransferError, UnsafeContentError
from ocistacks.oci.attestations import AttestationSummary, attach, attestation, read_attestations
from ocistacks.oci.copy_referrers import copy_attestations
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Descriptor, Manifest
from ocistacks.registry.referrers import Referrer, referrers_tag

KIND = "application/vnd.cyclonedx+json"
OTHER = "application/vnd.in-toto+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
EMPTY = Descriptor(
    media_type="application/vnd.oci.empty.v1+json", digest=Digest.of_bytes(b"{}"), size=2
)


@pytest.fixture(params=["registry", "layout"])
def place(request, stack, tmp_path, reporter):
    """A registry's repository and an image layout, each with the stack in it."""
    if request.param == "registry":
        opened = request.getfixturevalue("repository")
    else:
        opened = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, opened, stack.root, tag="latest", reporter=reporter)
    return opened


def made(stack, text=b'{"one":1}', kind=KIND):
    return attestation(stack.artifacts[0].descriptor, kind, text, title="one.json")


def write(place, referrer_content, *blobs):
    for content in (b"{}", *blobs):
        descriptor = Descriptor(
            media_type="x/y", digest=Digest.of_bytes(content), size=len(content)
        )
        place.write_blob(descriptor, lambda content=content: nullcontext(iter((content,))))
    return Referrer.of(referrer_content, MANIFEST_TYPE, where="a test")


def manifest(subject, layers):
    return Manifest(
        media_type=MANIFEST_TYPE,
        artifact_type=KIND,
        config=EMPTY,
        layers=layers,
        subject=subject,
    ).canonical()


def test_they_are_sent_once_and_read_back(place, stack):
    one, other = made(stack), made(stack, b'{"two":2}', OTHER)
    assert attach([one, other], place) == AttestationSummary(sent=2, present=0)
    assert attach([one, other], place) == AttestationSummary(sent=0, present=2)
    another = made(stack, b'{"one":2}')
    assert attach([one, another], place) == AttestationSummary(sent=1, present=1)
    subject = stack.artifacts[0].descriptor.digest
    read = read_attestations(place, subject, KIND)
    assert [content for _descriptor, content in read] == [b'{"one":1}', b'{"one":2}']
    assert [content for _, content in read_attestations(place, subject, OTHER)] == [b'{"two":2}']
    assert read_attestations(place, stack.artifacts[1].descriptor.digest, KIND) == ()


def test_what_was_lost_is_sent_again(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    one = made(stack)
    attach([one], layout)
    # As a tool leaves it that knows no referrers, and that collects what has no tag.
    index = tmp_path / "layout" / "index.json"
    listed = index.read_bytes()
    index.write_bytes(b'{"schemaVersion":2,"manifests":[]}')
    layout.blob_path(one.document.digest).unlink()
    assert attach([one], layout) == AttestationSummary(sent=1, present=0)
    assert layout.has_blob(one.document.digest)
    index.write_bytes(listed)
    assert len(read_attestations(layout, one.subject, KIND)) == 1


def test_one_that_holds_two_documents_is_refused(place, stack):
    subject = stack.artifacts[0].descriptor
    plain = Descriptor(media_type=MANIFEST_TYPE, digest=subject.digest, size=subject.size)
    referrer = write(place, manifest(plain, (EMPTY, EMPTY)))
    place.write_referrers(subject.digest, [referrer])
    with pytest.raises(UnsafeContentError) as caught:
        read_attestations(place, subject.digest, KIND)
    assert caught.value.what == "An attestation does not hold one document."
    assert (caught.value.found, caught.value.expected) == ("2 documents", "1 document")


def test_one_that_refers_to_something_else_is_refused(repository, stack, reporter):
    copy_objects(stack.source, repository, stack.root, tag="latest", reporter=reporter)
    here, there = (artifact.descriptor for artifact in stack.artifacts[:2])
    plain = Descriptor(media_type=MANIFEST_TYPE, digest=there.digest, size=there.size)
    repository.write_referrers(here.digest, [write(repository, manifest(plain, (EMPTY,)))])
    with pytest.raises(UnsafeContentError) as caught:
        read_attestations(repository, here.digest, KIND)
    assert caught.value.what == (
        "An attestation is listed for an object that it does not refer to."
    )
    assert (caught.value.found, caught.value.expected) == (there.digest, here.digest)


def test_one_that_says_it_is_huge_is_not_read(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    subject = stack.artifacts[0].descriptor
    plain = Descriptor(media_type=MANIFEST_TYPE, digest=subject.digest, size=subject.size)
    huge = Descriptor(media_type=KIND, digest=Digest.of_bytes(b"huge"), size=1 << 30)
    layout.write_referrers(subject.digest, [write(layout, manifest(plain, (huge,)))])
    with pytest.raises(UnsafeContentError) as caught:
        read_attestations(layout, subject.digest, KIND)
    assert caught.value.what == "An attestation is too large."
    assert caught.value.found == f"{1 << 30} bytes"


def test_a_document_with_other_bytes_is_refused(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    one = made(stack)
    attach([one], layout)
    path = layout.blob_path(one.document.digest)
    path.chmod(0o644)
    path.write_bytes(b'{"one":9}')
    with pytest.raises(DigestError) as caught:
        read_attestations(layout, one.subject, KIND)
    assert caught.value.expected == one.document.digest


@pytest.mark.parametrize("way", ["push", "copy"])
def test_a_registry_that_takes_none_is_told_with_the_way_out(
    stack, faulty, fault_server, answer, tmp_path, reporter, way
):
    one = made(stack)
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    attach([one], layout)
    fault_server.on("GET", f"/v2/x/referrers/{one.subject}", answer(status=404))
    fault_server.on("GET", f"/v2/x/manifests/{referrers_tag(one.subject)}", answer(status=404))
    for digest in (one.document.digest, EMPTY.digest):
        fault_server.on("HEAD", f"/v2/x/blobs/{digest}", answer())
    refusal = b'{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}'
    path = f"/v2/x/manifests/{one.referrer.descriptor.digest}"
    fault_server.on("PUT", path, answer(status=400, body=refusal))
    with pytest.raises(TransferError) as caught:
        if way == "push":
            attach([one], faulty)
        else:
            copy_attestations(layout, faulty, one.subject)
    assert str(caught.value) == (
        f"What refers to {one.subject} cannot be written.\n"
        f"  where: PUT http://{fault_server.host}{path}\n"
        "  found: HTTP 400 Bad Request: MANIFEST_INVALID (manifest invalid)\n"
        "  hint: where a registry takes no SBOMs and provenance, use --no-attestations"
    )
