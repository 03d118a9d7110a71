from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ocistacks.errors import UnsafeContentError
from ocistacks.oci.graph import read_graph
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from ocistacks.registry.model import Descriptor, Index, Manifest


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def layout(tmp_path):
    return ImageLayout.create(tmp_path / "layout")


@pytest.fixture
def add(layout):
    """Write a manifest or index without its parts; gives its descriptor."""

    def write(document):
        layout.write_manifest(document.canonical(), document.media_type, "written")
        return layout.resolve("written").model_copy(update={"annotations": None})

    return write


def blob(name):
    digest = "sha256:" + name.encode().hex().ljust(64, "0")
    return Descriptor(media_type="application/octet-stream", digest=digest, size=1)


def manifest(*names):
    return Manifest(
        media_type=IMAGE_MANIFEST, config=blob(f"c{names[0]}"), layers=tuple(map(blob, names))
    )


def index(*entries):
    return Index(media_type=IMAGE_INDEX, manifests=entries)


def test_each_object_once_and_parts_first(layout, add, executor):
    one, two = add(manifest("a", "b")), add(manifest("b", "d"))
    inner = add(index(two))
    root = add(index(inner, one, two))
    graph = read_graph(layout, root, executor)
    order = [each.descriptor.digest for each in graph.manifests]
    assert order == [two.digest, inner.digest, one.digest, root.digest]
    assert list(graph.blobs) == [blob(name) for name in ("b", "d", "cb", "a", "ca")]
    assert graph.root == root
    assert graph.below(root.digest) == {one.digest, two.digest, inner.digest}
    assert graph.below(one.digest) == set()


def test_two_graphs_as_one(layout, add, executor):
    one, two = add(manifest("a", "b")), add(manifest("b", "d"))
    first, second = (read_graph(layout, root, executor) for root in (one, add(index(one, two))))
    merged = second.merged(first)
    assert merged.root == one
    assert len(merged.manifests) == 3
    assert len(merged.blobs) == 5


def test_a_graph_that_is_too_deep(layout, add, executor):
    root = add(manifest("a"))
    for _ in range(5):
        root = add(index(root))
    with pytest.raises(UnsafeContentError) as raised:
        read_graph(layout, root, executor)
    assert str(raised.value) == (
        "There are more manifests under one root than ocistacks follows.\n"
        f"  where: {layout.blob_path(root.digest)}\n"
        "  found: 6 manifests in 6 levels\n"
        "  expected: at most 5000 in 5 levels"
    )
