"""Tables of contents are read by Range from a registry and from a layout, without their blobs."""

from __future__ import annotations

import os

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.blob.toc import CHECKSUM_KEYS, POSITION_KEYS, read_toc
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.remote_toc import read_remote_toc
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.errors import RangeRefusedError
from ocistacks.registry.model import Descriptor


def layer(stack):
    return stack.artifacts[1].layers[0]


def of_store(stack):
    with stack.store.blob_path(layer(stack).digest).open("rb") as stream:
        return read_toc(stream)


def changed(descriptor, **values):
    keys = {"position": POSITION_KEYS, "checksum": CHECKSUM_KEYS}
    annotations = dict(descriptor.annotations)
    for name, value in values.items():
        annotations |= dict.fromkeys(keys[name], value)
    return descriptor.model_copy(update={"annotations": annotations})


def test_the_table_of_a_registrys_blob_is_the_stores(stack, repository, reporter):
    copy_objects(stack.source, repository, stack.root, reporter=reporter)
    assert read_remote_toc(repository, layer(stack)) == of_store(stack)


def test_the_table_of_a_layouts_blob_is_the_stores(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    copy_objects(stack.source, layout, stack.root, reporter=reporter)
    assert read_remote_toc(layout, layer(stack)) == of_store(stack)


def test_no_more_than_the_table_is_asked_for(stack, fault_server, faulty, answer):
    wanted = layer(stack)
    offset, size, _uncompressed, _type = map(int, wanted.annotation(POSITION_KEYS[0]).split(":"))
    content = stack.store.blob_path(wanted.digest).read_bytes()[offset : offset + size]
    told = {"Content-Range": f"bytes {offset}-{offset + size - 1}/{wanted.size}"}
    path = f"/v2/x/blobs/{wanted.digest}"
    fault_server.on("GET", path, answer(status=206, body=content, headers=told))
    assert read_remote_toc(faulty, wanted) == of_store(stack)
    [(_verb, _path, headers, _body)] = fault_server.requests
    assert headers["Range"] == f"bytes={offset}-{offset + size - 1}"


def test_a_gzip_blob_has_none(tmp_path, repository):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(os.urandom(1000))
    with (tmp_path / "blob").open("wb") as stream:
        blob = pack_tree(tmp_path / "tree", "framework-x", stream, compression="gzip")
    descriptor = Descriptor(
        media_type=blob.media_type,
        digest=blob.digest,
        size=blob.size,
        annotations=dict(blob.annotations),
    )
    assert read_remote_toc(repository, descriptor) is None


def test_another_checksum_is_refused(stack, repository, reporter):
    copy_objects(stack.source, repository, stack.root, reporter=reporter)
    promised = Digest.of_bytes(b"another")
    with pytest.raises(DigestError) as raised:
        read_remote_toc(repository, changed(layer(stack), checksum=promised))
    assert str(raised.value) == (
        "A blob's table of contents is not the one that its manifest promises.\n"
        f"  where: blob {layer(stack).digest}\n"
        f"  found: {layer(stack).annotation(CHECKSUM_KEYS[0])}\n"
        f"  expected: {promised}\n"
        "  hint: push the stack again"
    )


@pytest.mark.parametrize("position", ["11:2:3:2", "11:2:999999999999:1", "-11:2:3:1", "a", "1:2:3"])
def test_a_position_without_sense_is_refused(stack, repository, position):
    with pytest.raises(UnsafeContentError) as raised:
        read_remote_toc(repository, changed(layer(stack), position=position))
    assert str(raised.value) == (
        "A layer's annotations do not tell where its table of contents lies.\n"
        f"  where: blob {layer(stack).digest}\n"
        f"  found: {position}\n"
        "  expected: one position, OFFSET:SIZE:UNCOMPRESSED:1, and one digest; "
        "at most 157286400 bytes"
    )


def test_a_position_behind_the_blob_is_refused(stack, repository):
    size = layer(stack).size
    with pytest.raises(UnsafeContentError):
        read_remote_toc(repository, changed(layer(stack), position=f"{size - 1}:2:3:1"))


def test_a_server_without_ranges_is_told(stack, fault_server, faulty, answer):
    content = stack.store.blob_path(layer(stack).digest).read_bytes()
    fault_server.on("GET", f"/v2/x/blobs/{layer(stack).digest}", answer(body=content))
    with pytest.raises(RangeRefusedError):
        read_remote_toc(faulty, layer(stack))


def test_a_broken_connection_is_tried_again(stack, fault_server, faulty, answer):
    wanted = layer(stack)
    offset, size, _uncompressed, _type = map(int, wanted.annotation(POSITION_KEYS[0]).split(":"))
    content = stack.store.blob_path(wanted.digest).read_bytes()[offset : offset + size]
    told = {"Content-Range": f"bytes {offset}-{offset + size - 1}/{wanted.size}"}
    fault_server.on(
        "GET",
        f"/v2/x/blobs/{wanted.digest}",
        answer(status=206, body=content, headers=told, cut=10),
        answer(status=206, body=content, headers=told),
    )
    assert read_remote_toc(faulty, wanted) == of_store(stack)
