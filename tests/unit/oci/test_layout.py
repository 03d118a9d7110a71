from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import (
    DigestError,
    NotFoundError,
    TargetError,
    TransferError,
    UnsafeContentError,
)
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.media_types import IMAGE_INDEX
from ocistacks.registry.model import Descriptor, Index
from ocistacks.registry.source import RangeSource, read_blob

CONTENT = b"some bytes"
BLOB = Descriptor(
    media_type="application/octet-stream", digest=Digest.of_bytes(CONTENT), size=len(CONTENT)
)


def index(note):
    return Index(media_type=IMAGE_INDEX, manifests=(), annotations={"note": note}).canonical()


@pytest.fixture
def layout(tmp_path):
    return ImageLayout.create(tmp_path / "layout")


def files(layout):
    return sorted(
        str(path.relative_to(layout.folder)) for path in layout.folder.rglob("*") if path.is_file()
    )


@contextmanager
def content():
    yield iter((CONTENT[:4], CONTENT[4:]))


def test_an_empty_layout(layout):
    assert files(layout) == [".index.json.lock", "index.json", "oci-layout"]
    assert (layout.folder / "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    assert json.loads((layout.folder / "index.json").read_text()) == {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [],
    }
    assert ImageLayout.create(layout.folder).tags() == {}


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(TargetError) as raised:
        ImageLayout.create(tmp_path)
    assert str(raised.value) == (
        "The folder holds something else than an OCI image layout.\n"
        f"  where: {tmp_path}\n"
        "  found: notes.txt\n"
        "  hint: name an empty folder, or one that does not exist"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TargetError) as raised:
        ImageLayout.create(tmp_path / "file" / "layout")
    assert raised.value.what == "A file cannot be written."


@pytest.mark.parametrize(
    ("marker", "found"), [(None, "no usable oci-layout file"), ("[]", "no usable oci-layout file")]
)
def test_a_folder_that_is_no_layout(tmp_path, marker, found):
    if marker is not None:
        (tmp_path / "oci-layout").write_text(marker)
    with pytest.raises(NotFoundError) as raised:
        ImageLayout.open(tmp_path)
    assert str(raised.value) == (
        "There is no OCI image layout.\n"
        f"  where: {tmp_path}\n"
        f"  found: {found}\n"
        "  hint: write one with `ocistacks publish`, `ocistacks push` or `skopeo copy`"
    )


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError) as raised:
        ImageLayout.open(tmp_path / "gone")
    assert raised.value.found == "nothing"


def test_a_layout_of_another_version(tmp_path):
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')
    with pytest.raises(TransferError) as raised:
        ImageLayout.open(tmp_path)
    assert (raised.value.found, raised.value.expected) == ("'2.0.0'", "1.0.0")


def test_a_blob_is_written_and_read(layout):
    assert not layout.has_blob(BLOB.digest)
    layout.write_blob(BLOB, content)
    assert layout.has_blob(BLOB.digest)
    assert read_blob(layout, BLOB) == CONTENT
    assert f"blobs/sha256/{BLOB.digest.hex}" in files(layout)


def test_a_write_that_fails_leaves_nothing(layout):
    @contextmanager
    def broken():
        def chunks():
            yield CONTENT[:4]
            raise DigestError("The bytes are wrong.")

        yield chunks()

    before = files(layout)
    with pytest.raises(DigestError):
        layout.write_blob(BLOB, broken)
    assert files(layout) == before


def test_a_file_is_linked(layout, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    layout.write_blob_file(BLOB, tmp_path / "file")
    assert layout.blob_path(BLOB.digest).samefile(tmp_path / "file")
    layout.write_blob_file(BLOB, tmp_path / "gone")  # what is there is not written again
    assert not [path for path in layout.blob_path(BLOB.digest).parent.iterdir() if path.is_dir()]


def test_a_file_is_copied_where_links_do_not_reach(layout, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    (tmp_path / "file").write_bytes(CONTENT)
    layout.write_blob_file(BLOB, tmp_path / "file")
    assert layout.blob_path(BLOB.digest).read_bytes() == CONTENT
    assert not layout.blob_path(BLOB.digest).samefile(tmp_path / "file")


def test_a_file_of_another_size_is_refused(layout, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT + b"!")
    with pytest.raises(DigestError) as raised:
        layout.write_blob_file(BLOB, tmp_path / "file")
    assert str(raised.value) == (
        "A file in the store has another size than its layer.\n"
        f"  where: {tmp_path / 'file'}\n"
        "  found: 11 bytes\n"
        "  expected: 10 bytes\n"
        "  hint: remove the file and build the layer again"
    )


def test_a_tag_names_one_manifest(layout):
    layout.write_manifest(index("one"), IMAGE_INDEX, "latest")
    layout.write_manifest(index("other"), IMAGE_INDEX, "v1")
    layout.write_manifest(index("two"), IMAGE_INDEX, "latest")
    tags = layout.tags()
    assert set(tags) == {"v1", "latest"}
    assert layout.resolve("latest").digest == Digest.of_bytes(index("two"))
    assert layout.resolve(None) == layout.resolve("latest")
    assert layout.resolve("v1") == tags["v1"]


def test_what_has_no_tag_is_found_by_digest(layout):
    layout.write_manifest(index("one"), IMAGE_INDEX, None)
    assert layout.tags() == {}
    found = layout.resolve(Digest.of_bytes(index("one")))
    assert (found.media_type, found.size) == (IMAGE_INDEX, len(index("one")))
    assert layout.read_manifest(found) == index("one")


def test_the_only_one_needs_no_tag(layout):
    layout.write_manifest(index("one"), IMAGE_INDEX, "v1")
    assert layout.resolve(None).digest == Digest.of_bytes(index("one"))
    layout.write_manifest(index("two"), IMAGE_INDEX, "v2")
    with pytest.raises(NotFoundError) as raised:
        layout.resolve(None)
    assert str(raised.value) == (
        f"The image layout has no latest.\n  where: {layout.folder}\n  found: v1, v2"
    )


def test_many_threads_tag_at_once(layout):
    def tag(number):
        ImageLayout.create(layout.folder).write_manifest(
            index(str(number)), IMAGE_INDEX, f"v{number}"
        )

    threads = [threading.Thread(target=tag, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(layout.tags()) == 12


def test_a_damaged_manifest(layout):
    layout.write_manifest(index("one"), IMAGE_INDEX, "v1")
    found = layout.resolve("v1")
    layout.blob_path(found.digest).write_bytes(index("lie"))
    with pytest.raises(DigestError) as raised:
        layout.read_manifest(found)
    assert (raised.value.found, raised.value.expected) == (
        Digest.of_bytes(index("lie")),
        found.digest,
    )


def test_a_missing_blob(layout):
    with pytest.raises(NotFoundError) as raised:
        read_blob(layout, BLOB)
    assert str(raised.value) == (
        f"The image layout lacks {BLOB.digest}.\n"
        f"  where: {layout.blob_path(BLOB.digest)}\n"
        "  hint: the layout is not complete: publish or copy the stack into it again"
    )


def test_a_manifest_of_five_megabytes(layout):
    large = BLOB.model_copy(update={"size": 5 << 20})
    layout.blob_path(BLOB.digest).write_bytes(bytes(5 << 20))
    with pytest.raises(UnsafeContentError) as raised:
        layout.read_manifest(large)
    assert raised.value.found == "5242880 bytes"


def test_an_index_that_is_none(layout):
    (layout.folder / "index.json").write_text("{}")
    with pytest.raises(TransferError) as raised:
        layout.tags()
    assert str(raised.value) == (
        "A document is not what it was announced as.\n"
        f"  where: {layout.folder / 'index.json'}\n"
        "  found: manifests: Field required\n"
        "  expected: Index (OCI image spec 1.1)\n"
        "  hint: check that the reference names an image, a layer or a stack"
    )


@pytest.mark.parametrize(("start", "size"), [(0, 10), (3, 4), (9, 1)])
def test_parts_of_a_blob(layout, start, size):
    layout.write_blob(BLOB, content)
    assert isinstance(layout, RangeSource)
    with layout.open_part(BLOB, start, size) as chunks:
        assert b"".join(chunks) == CONTENT[start : start + size]


def test_parts_that_are_not_there(layout):
    with pytest.raises(NotFoundError), layout.open_part(BLOB, 0, 1):
        pass
    layout.write_blob(BLOB, content)
    with pytest.raises(UnsafeContentError), layout.open_part(BLOB, 5, 6):
        pass
    layout.blob_path(BLOB.digest).write_bytes(CONTENT[:9])
    with pytest.raises(DigestError) as raised, layout.open_part(BLOB, 0, 1):
        pass
    assert (raised.value.found, raised.value.expected) == ("9 bytes", "10 bytes")
