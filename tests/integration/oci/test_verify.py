"""Verifying stacks of several platforms and of blobs without tables, from a real registry."""

from __future__ import annotations

import io

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.deploy.verify import verify_stack
from ocistacks.deploy.verify_report import Check
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, NotFoundError, UnsafeContentError
from ocistacks.oci.assemble import layer_artifact, stack_index
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.description import LayerDescription
from ocistacks.oci.transfer import copy_objects
from ocistacks.platforms import Platform

SOUND = (Check.MANIFEST, Check.CONFIGURATION, Check.BLOB, Check.CONTENTS)


@pytest.fixture
def make_artifact(tmp_path, store):
    """A function that packs a runtime for a platform and gives its artifact."""

    def make(platform, *, changes=None, **options):
        tree = tmp_path / platform
        tree.mkdir()
        (tree / "file").write_text(platform)
        output = io.BytesIO()
        blob = pack_tree(tree, "cpython-3.13", output, **options)
        store.add_blob(blob.digest, (output.getvalue(),), what="test")
        description = LayerDescription(
            name="cpython-3.13",
            kind="runtime",
            install_target="cpython-3.13",
            lock_hash=Digest.of_bytes(b"lock"),
            input_digest=Digest.of_bytes(platform.encode()),
            lock_version=1,
            requires=(),
            platform=platform,
            archive_name="cpython-3.13.tar.zst",
        )
        return layer_artifact(description, blob.model_copy(update=changes or {}))

    return make


@pytest.fixture
def verified(repository, store, reporter):
    """A function that pushes artifacts as a stack and verifies it."""

    def verify(*artifacts, platform=None):
        index = stack_index([artifact.descriptor for artifact in artifacts])
        source = AssembledSource(artifacts, (index,), store=store)
        copy_objects(source, repository, index.descriptor, tag="latest", reporter=reporter)
        stack = verify_stack(
            repository,
            "latest",
            platform=platform,
            attestations=False,
            where="here",
            reporter=reporter,
        )
        assert stack.digest == index.descriptor.digest
        return stack

    return verify


def test_all_platforms_are_looked_at_or_the_one_that_is_named(make_artifact, verified):
    artifacts = [
        make_artifact(Platform.LINUX_X86_64),
        make_artifact(Platform.LINUX_AARCH64),
    ]
    stack = verified(*artifacts)
    assert [report.platform for report in stack.reports] == ["linux_x86_64", "linux_aarch64"]
    for report in stack.reports:
        assert report.faults == {check: [] for check in SOUND}
    stack = verified(*artifacts, platform=Platform.LINUX_AARCH64)
    assert [report.platform for report in stack.reports] == ["linux_aarch64"]
    with pytest.raises(NotFoundError):
        verified(*artifacts, platform=Platform.MACOSX_ARM64)


def test_a_gzip_layer_is_verified_without_a_table(make_artifact, verified):
    (report,) = verified(make_artifact(Platform.LINUX_X86_64, compression="gzip", level=6)).reports
    assert report.faults == {check: [] for check in SOUND}


@pytest.mark.parametrize(
    ("changes", "error", "what"),
    [
        (
            {"diff_id": Digest.of_bytes(b"other")},
            DigestError,
            "A blob's tar is not the one that the configuration names.",
        ),
        ({"file_count": 9}, UnsafeContentError, "annotation of the entries of the tar is wrong."),
        (
            {"uncompressed_size": 1 << 20},
            UnsafeContentError,
            "annotation of the bytes of the tar is wrong.",
        ),
        ({"uncompressed_size": 512}, UnsafeContentError, "A blob holds more than it may."),
        ({"annotations": {}}, UnsafeContentError, "do not tell where its table of contents lies."),
    ],
)
def test_documents_that_tell_of_another_blob_are_found(
    make_artifact, verified, changes, error, what
):
    (report,) = verified(make_artifact(Platform.LINUX_X86_64, changes=changes)).reports
    (fault,) = report.faults[Check.CONTENTS]
    assert isinstance(fault, error)
    assert what in fault.what
    assert report.faults[Check.BLOB] == []


def test_a_layer_under_another_name_is_found(make_artifact, verified, tmp_path, store):
    tree = tmp_path / "other"
    tree.mkdir()
    output = io.BytesIO()
    blob = pack_tree(tree, "framework-other", output)
    store.add_blob(blob.digest, (output.getvalue(),), what="test")
    artifact = make_artifact(Platform.LINUX_X86_64, changes=dict(blob))
    (report,) = verified(artifact).reports
    (fault,) = report.faults[Check.CONTENTS]
    assert fault.what == "A layer's blob holds another layer than its manifest says."
    assert (fault.found, fault.expected) == ("framework-other", "cpython-3.13")
