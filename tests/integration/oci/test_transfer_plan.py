"""The plan of a copy tells of each object what the copy then does."""

from __future__ import annotations

import uuid

import pytest

from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.open import open_sink
from ocistacks.oci.transfer import copy_objects, plan_copy
from ocistacks.oci.transfer_plan import MountSource, Total
from ocistacks.registry.reference import parse_reference
from ocistacks.registry.repository import Repository


@pytest.fixture
def other(registry, environment):
    with Repository(registry, f"test/{uuid.uuid4().hex}", environment=environment) as opened:
        yield opened


def actions(plan):
    return {(each.kind, each.name): each.action for each in plan.objects()}


def test_each_object_is_named_with_its_bytes(stack, repository):
    plan = plan_copy(stack.source, repository, stack.root)
    told = [(each.kind, each.name) for each in plan.objects()]
    assert sorted(told) == [
        ("artifact", "app-demo"),
        ("artifact", "cpython-3.13"),
        ("artifact", "framework-x@2"),
        ("blob", "app-demo.tar.zst"),
        ("blob", "cpython-3.13.tar.zst"),
        ("blob", "framework-x@2.tar.zst"),
        *[("configuration", "-")] * 4,
        ("image", "app-demo"),
        ("stack", "4 manifests"),
    ]
    sizes = {each.digest: each.size for each in plan.objects()}
    assert sizes[stack.root.digest] == len(stack.index.index)
    for layer in stack.layers:
        assert sizes[layer.blob.digest] == layer.blob.size
    assert plan.totals() == {
        "send": Total(objects=12, size=sum(sizes.values())),
        "mount": Total(objects=0, size=0),
        "present": Total(objects=0, size=0),
    }


def test_what_is_there_and_what_can_be_mounted(stack, repository, repository_name, other, reporter):
    copy_objects(stack.source, repository, stack.artifacts[1].descriptor, reporter=reporter)
    copy_objects(stack.source, other, stack.artifacts[0].descriptor, reporter=reporter)
    shared = MountSource(repository=repository_name, has_blob=repository.has_blob)
    plan = plan_copy(stack.source, other, stack.root, mount_from=shared)
    told = actions(plan)
    assert told["blob", "cpython-3.13.tar.zst"] == "present"
    assert told["artifact", "cpython-3.13"] == "present"
    assert told["blob", "framework-x@2.tar.zst"] == "mount"
    assert told["artifact", "framework-x@2"] == "send"
    assert told["blob", "app-demo.tar.zst"] == "send"
    summary = copy_objects(stack.source, other, stack.root, mount_from=shared, reporter=reporter)
    totals = plan.totals()
    assert (summary.mounted_blobs, summary.mounted_bytes) == (
        totals["mount"].objects,
        totals["mount"].size,
    )
    assert summary.sent_blobs + summary.manifests == totals["send"].objects
    after = plan_copy(stack.source, other, stack.root, mount_from=shared)
    assert set(actions(after).values()) == {"present"}


def test_json_has_the_same(stack, repository):
    told = plan_copy(stack.source, repository, stack.root).to_json()
    assert told["totals"]["send"]["objects"] == len(told["objects"]) == 12
    assert told["objects"][-1] == {
        "kind": "stack",
        "name": "4 manifests",
        "digest": stack.root.digest,
        "bytes": len(stack.index.index),
        "action": "send",
    }


def test_a_layout_that_is_only_planned_is_not_made(stack, environment, tmp_path, reporter):
    reference = parse_reference(f"oci:{tmp_path / 'layout'}")
    with open_sink(reference, environment=environment, dry_run=True) as sink:
        assert plan_copy(stack.source, sink, stack.root).totals()["send"].objects == 12
    assert not (tmp_path / "layout").exists()
    copy_objects(
        stack.source, ImageLayout.create(tmp_path / "layout"), stack.root, reporter=reporter
    )
    with open_sink(reference, environment=environment, dry_run=True) as sink:
        assert plan_copy(stack.source, sink, stack.root).totals()["present"].objects == 12
