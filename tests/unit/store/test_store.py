"""The store on one machine, in one process."""

import hashlib

import pytest
from pydantic import BaseModel

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TargetError
from ocistacks.store.records import read_record, write_record
from ocistacks.store.store import Store, remove_tree

CONTENT = b"some content"
DIGEST = Digest.from_hex(hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def leftovers(store):
    return [
        path.name
        for name in ("blobs/sha256", "temporary")
        for path in (store.root / name).iterdir()
    ]


def test_a_blob_lies_under_its_digest_and_cannot_be_changed(store):
    path = store.add_blob(DIGEST, [b"some ", b"", b"content"], what="it")
    assert path == store.blob_path(DIGEST)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o444
    assert leftovers(store) == [DIGEST.hex]


def test_other_content_is_refused_and_not_kept(store):
    with pytest.raises(DigestError) as caught:
        store.add_blob(DIGEST, [b"other"], what="it, GET https://example.org/it")
    assert str(caught.value) == (
        "What was received is not what was promised; nothing of it was kept.\n"
        "  where: it, GET https://example.org/it\n"
        f"  found: sha256:{hashlib.sha256(b'other').hexdigest()}\n"
        f"  expected: {DIGEST}\n"
        "  hint: try again; if it stays so, the server or a proxy serves another file"
    )
    assert not store.has_blob(DIGEST)
    assert leftovers(store) == []


def test_a_source_that_fails_is_not_called_a_full_disk(store):
    def chunks():
        yield b"some "
        message = "reset by peer"
        raise ConnectionResetError(104, message)

    with pytest.raises(ConnectionResetError):
        store.add_blob(DIGEST, chunks(), what="it")
    assert leftovers(store) == []


def test_a_file_is_copied_in_and_verified(store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert store.add_file(DIGEST, path, what="it").read_bytes() == CONTENT
    path.write_bytes(b"other")
    with pytest.raises(DigestError):
        store.add_file(Digest.of_bytes(b"x"), path, what="it")


def test_a_filled_file_is_adopted_or_vanishes(store):
    with store.new_blob() as temporary:
        temporary.write_bytes(CONTENT)
        store.adopt(temporary, DIGEST)
    with store.new_blob() as temporary:
        temporary.write_bytes(b"half")
    assert leftovers(store) == [DIGEST.hex]


def test_a_temporary_folder_vanishes_with_all_that_is_in_it(store):
    with store.temporary_folder() as folder:
        (folder / "inner").mkdir()
        (folder / "inner/file").write_text("x")
        (folder / "inner").chmod(0o500)
    assert leftovers(store) == []


def test_removing_a_tree_leaves_what_links_lead_to(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "file").exists()
    link = tmp_path / "link"
    link.symlink_to(outside)
    remove_tree(link)
    assert (outside / "file").exists()


def test_the_environment_says_where_the_store_is(tmp_path):
    assert Store.default({"OCISTACKS_STORE": str(tmp_path / "here")}).root == tmp_path / "here"


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError) as caught:
        Store(tmp_path / "file")
    assert str(caught.value) == (
        "A file cannot be written.\n"
        f"  where: {tmp_path}/file\n"
        "  found: Not a directory\n"
        "  hint: choose another folder, or make room and check the folder's owner and mode"
    )


class Record(BaseModel):
    number: int


def test_records_are_read_as_written_and_missing_when_broken(tmp_path):
    path = tmp_path / "folder/record.json"
    assert read_record(path, Record) is None
    write_record(path, Record(number=3))
    assert path.read_text() == '{\n  "number": 3\n}\n'
    assert read_record(path, Record) == Record(number=3)
    path.write_text('{"number": ')
    assert read_record(path, Record) is None
