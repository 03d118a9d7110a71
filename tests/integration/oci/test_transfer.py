"""Copies between the store, a real registry and layouts, whole and again."""

from __future__ import annotations

import uuid

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, NotFoundError, UsageError
from ocistacks.oci.assemble import input_digest_tag
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.open import open_sink, open_source
from ocistacks.oci.transfer import TransferSummary, copy_objects, plan_copy
from ocistacks.oci.transfer_plan import MountSource
from ocistacks.registry.reference import parse_reference
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob


def blob_bytes(stack):
    layers = sum(layer.blob.size for layer in stack.layers)
    documents = sum(len(each.configuration) for each in (*stack.artifacts, stack.image))
    return layers + documents


def test_a_stack_is_sent_once(stack, repository, reporter):
    first = copy_objects(stack.source, repository, stack.root, tag="latest", reporter=reporter)
    assert first == TransferSummary(
        sent_blobs=7,
        sent_bytes=blob_bytes(stack),
        present_blobs=0,
        present_bytes=0,
        manifests=5,
        mounted_blobs=0,
        mounted_bytes=0,
    )
    for layer in stack.layers:
        total, told = reporter.tasks[layer.description.archive_name]
        assert total == told == layer.blob.size

    again = copy_objects(stack.source, repository, stack.root, tag="latest", reporter=reporter)
    assert again == TransferSummary(
        sent_blobs=0,
        sent_bytes=0,
        present_blobs=7,
        present_bytes=blob_bytes(stack),
        manifests=0,
        mounted_blobs=0,
        mounted_bytes=0,
    )
    assert repository.resolve("latest").digest == stack.root.digest


def test_a_plan_changes_nothing(stack, repository):
    plan = plan_copy(stack.source, repository, stack.root)
    sizes = [blob.size for blob in plan.missing_blobs]
    assert sizes == sorted(sizes, reverse=True)
    assert len(plan.missing_blobs) == 7
    assert plan.missing_manifests[-1].descriptor == stack.root
    assert repository.find(stack.root.digest) is None
    assert not any(repository.has_blob(blob.digest) for blob in plan.missing_blobs)


def test_what_the_target_has_of_another_stack_is_not_sent(stack, repository, reporter):
    runtime = stack.artifacts[0]
    copy_objects(stack.source, repository, runtime.descriptor, reporter=reporter)
    summary = copy_objects(stack.source, repository, stack.root, reporter=reporter)
    assert (summary.sent_blobs, summary.present_blobs, summary.manifests) == (5, 2, 4)
    assert summary.present_bytes == stack.layers[0].blob.size + len(runtime.configuration)


def test_from_registry_to_layout_to_registry_every_byte_stays(
    stack, registry, repository, environment, tmp_path, reporter
):
    copy_objects(stack.source, repository, stack.root, tag="v1", reporter=reporter)
    layout = ImageLayout.create(tmp_path / "layout")
    root = repository.resolve("v1")
    copy_objects(repository, layout, root, tag="v1", reporter=reporter)
    with Repository(registry, f"test/{uuid.uuid4().hex}", environment=environment) as other:
        reopened = ImageLayout.open(tmp_path / "layout")
        copy_objects(reopened, other, reopened.resolve("v1"), tag="v2", reporter=reporter)
        assert other.resolve("v2").digest == stack.root.digest
        for assembled in (*stack.artifacts, stack.image):
            assert other.read_manifest(assembled.descriptor) == assembled.manifest
            for layer in assembled.layers:
                path = stack.store.blob_path(layer.digest)
                assert read_blob(other, layer) == path.read_bytes()


def test_a_layout_shares_the_stores_files(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    summary = copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    assert (summary.sent_blobs, summary.manifests) == (7, 5)
    for layer in stack.layers:
        stored = stack.store.blob_path(layer.blob.digest)
        assert layout.blob_path(layer.blob.digest).samefile(stored)
    again = copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    assert (again.sent_blobs, again.present_blobs, again.manifests) == (0, 7, 0)
    assert set(layout.tags()) == {"latest"}


def test_a_layout_that_lost_a_blob_gets_it_back(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, reporter=reporter)
    lost = stack.layers[1].blob
    layout.blob_path(lost.digest).unlink()
    summary = copy_objects(stack.source, layout, stack.root, reporter=reporter)
    assert (summary.sent_blobs, summary.sent_bytes) == (1, lost.size)


def test_extra_tags_name_layers_and_what_lies_beside_the_root(stack, repository, reporter):
    digest = stack.layers[0].description.input_digest
    copy_objects(
        stack.source,
        repository,
        stack.artifacts[0].descriptor,
        tag="runtime",
        extra_tags={
            input_digest_tag(digest): stack.artifacts[0].descriptor.digest,
            "app-demo": stack.image.descriptor.digest,
        },
        reporter=reporter,
    )
    found = repository.find(f"input-{digest.hex}")
    assert found is not None
    assert found.digest == stack.artifacts[0].descriptor.digest
    assert repository.resolve("app-demo").digest == stack.image.descriptor.digest
    assert repository.resolve("runtime").digest == stack.artifacts[0].descriptor.digest


def test_a_tag_that_is_none_is_refused_before_anything_is_sent(stack, repository, reporter):
    with pytest.raises(UsageError) as raised:
        copy_objects(stack.source, repository, stack.root, tag="a b", reporter=reporter)
    assert str(raised.value) == (
        "What is copied cannot get this tag.\n"
        "  found: 'a b'\n"
        "  expected: at most 128 of A-Z a-z 0-9 _ . -, not beginning with . or -"
    )
    assert not repository.has_blob(stack.layers[0].blob.digest)


def test_blobs_of_another_repository_are_mounted(
    stack, registry, repository, repository_name, environment, reporter
):
    copy_objects(stack.source, repository, stack.artifacts[0].descriptor, reporter=reporter)
    with Repository(registry, f"test/{uuid.uuid4().hex}", environment=environment) as other:
        summary = copy_objects(
            stack.source,
            other,
            stack.root,
            mount_from=MountSource(repository=repository_name, has_blob=repository.has_blob),
            reporter=reporter,
        )
        assert (summary.mounted_blobs, summary.sent_blobs) == (2, 5)
        configuration = len(stack.artifacts[0].configuration)
        assert summary.mounted_bytes == stack.layers[0].blob.size + configuration
        assert other.has_blob(stack.layers[0].blob.digest)


def test_a_damaged_blob_of_a_layout_goes_nowhere(stack, repository, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    blob = stack.layers[2].blob
    path = layout.blob_path(blob.digest)
    damaged = bytearray(path.read_bytes())
    damaged[1000] ^= 1
    path.unlink()
    path.write_bytes(damaged)
    with pytest.raises(DigestError) as raised:
        copy_objects(layout, repository, stack.root, tag="latest", reporter=reporter)
    assert str(raised.value) == (
        "What was received is not what was promised; nothing of it was kept.\n"
        f"  where: {path}\n"
        f"  found: {Digest.of_bytes(bytes(damaged))}\n"
        f"  expected: {blob.digest}\n"
        "  hint: try again; if it stays so, the copy there is damaged and must be pushed again"
    )
    assert not repository.has_blob(blob.digest)
    assert repository.find("latest") is None
    other = ImageLayout.create(tmp_path / "other")
    with pytest.raises(DigestError):
        copy_objects(layout, other, stack.root, tag="latest", reporter=reporter)
    assert not other.has_blob(blob.digest)
    assert other.tags() == {}
    assert not list((tmp_path / "other" / "blobs" / "sha256").glob(".*"))


def test_a_missing_tag_is_told_with_the_registrys_words(stack, registry, repository, reporter):
    copy_objects(stack.source, repository, stack.root, tag="latest", reporter=reporter)
    name = repository.describe(stack.root).partition("@")[0]
    path = name.removeprefix(f"{registry}/")
    with pytest.raises(NotFoundError) as raised:
        repository.resolve("gone")
    assert str(raised.value) == (
        f"There is no way to read {name}:gone.\n"
        f"  where: GET http://{registry}/v2/{path}/manifests/gone\n"
        "  found: HTTP 404 Not Found: MANIFEST_UNKNOWN (manifest unknown)\n"
        "  hint: check the repository's name and the tag"
    )


def test_references_open_their_ends(
    stack, registry, repository_name, environment, tmp_path, reporter
):
    in_registry = parse_reference(f"{registry}/{repository_name}:v1")
    on_disk = parse_reference(f"oci:{tmp_path / 'layout'}")
    with open_sink(in_registry, environment=environment) as sink:
        copy_objects(stack.source, sink, stack.root, tag=in_registry.tag, reporter=reporter)
    with (
        open_source(in_registry, environment=environment) as source,
        open_sink(on_disk, environment=environment) as sink,
    ):
        root = source.resolve(in_registry.target)
        copy_objects(source, sink, root, tag=on_disk.tag, reporter=reporter)
    with open_source(on_disk, environment=environment) as source:
        assert source.resolve(on_disk.target).digest == stack.root.digest
        assert source.resolve("latest").digest == stack.root.digest


def test_a_digest_cannot_be_written_to(environment):
    digest = "sha256:" + "a" * 64
    reference = parse_reference(f"127.0.0.1:5000/a@{digest}")
    with (
        pytest.raises(UsageError) as raised,
        open_sink(reference, environment=environment),
    ):
        pass
    assert str(raised.value) == (
        "A reference to write to cannot hold a digest: the content decides it.\n"
        f"  found: 127.0.0.1:5000/a@{digest}\n"
        "  expected: HOST[:PORT]/REPO[:TAG]"
    )
