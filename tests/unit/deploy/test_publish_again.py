"""Publishing again: what stays, what is made again, and how builds are numbered."""

import json

import pytest

from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.digests import Digest
from ocistacks.errors import DigestError

BLOB = PublishOptions()
XZ = PublishOptions(archive_format=ArchiveFormat.TAR_XZ)
ZIP = PublishOptions(archive_format=ArchiveFormat.ZIP)


@pytest.mark.parametrize("options", [BLOB, XZ, ZIP], ids=["blob", "xz", "zip"])
def test_what_is_there_is_not_made_again(shop, publish, options):
    layers = shop.built(shop.plans(shop.stack()))
    first = publish(layers, options)
    stamps = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    second = publish(layers, options)
    assert [archive.changed for archive in first] == [True] * 5
    assert [archive.changed for archive in second] == [False] * 5
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == stamps
    assert [archive.metadata for archive in second] == [archive.metadata for archive in first]


@pytest.mark.parametrize("options", [XZ, ZIP], ids=["xz", "zip"])
def test_force_makes_the_same_bytes_again_under_the_same_build_number(shop, publish, options):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    (first,) = publish(layers, options)
    forced = PublishOptions(archive_format=options.archive_format, force=True, threads=3)
    (second,) = publish(layers, forced)
    assert second.changed
    assert second.metadata == first.metadata
    assert Digest.of_file(second.path) == first.content.digest


@pytest.mark.parametrize("damage", ["gone", "other bytes", "other size"])
def test_an_archive_that_was_damaged_is_made_again(shop, publish, damage):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    (first,) = publish(layers, XZ)
    content = first.path.read_bytes()
    first.path.unlink()
    if damage != "gone":
        first.path.write_bytes(content[::-1] if damage == "other bytes" else content[1:])
    (second,) = publish(layers, XZ)
    assert second.changed
    assert second.path.read_bytes() == content
    assert second.metadata["archive_build"] == 1


def test_the_build_number_counts_the_bytes_of_one_lock_version(shop, publish):
    def build(content, lock_version=1):
        plans = shop.plans(shop.stack(), lock_version=lock_version, names=["framework-above"])
        (archive,) = publish(shop.built(plans, content), PublishOptions(tag_outputs=True))
        return archive.path.name

    assert build("one") == "framework-above@1-linux_x86_64-1.tar.zst"
    assert build("one") == "framework-above@1-linux_x86_64-1.tar.zst"
    assert build("two") == "framework-above@1-linux_x86_64-2.tar.zst"
    assert build("one") == "framework-above@1-linux_x86_64-3.tar.zst"
    assert build("one", lock_version=2) == "framework-above@2-linux_x86_64-1.tar.zst"


def test_metadata_of_venvstacks_itself_is_counted_on(shop, publish):
    folder = shop.output / "__venvstacks__/env_metadata"
    folder.mkdir(parents=True)
    theirs = {"layer_name": "app-plain", "lock_version": 1, "archive_build": 4}
    (folder / "app-plain.json").write_text(json.dumps(theirs))
    (archive,) = publish(shop.built(shop.plans(shop.stack(), names=["app-plain"])))
    assert archive.metadata["archive_build"] == 5


def test_a_damaged_blob_leaves_the_output_as_it_was(shop, publish, changed):
    stack = shop.stack()
    layers = shop.built(shop.plans(stack))
    publish(layers, XZ)
    before = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    newer = shop.built(shop.plans(stack), "newer")
    wrong = newer[-1].blob.model_copy(update={"diff_id": Digest.of_bytes(b"other")})
    newer[-1] = changed(newer[-1], blob=wrong)
    with pytest.raises(DigestError) as raised:
        publish(newer, XZ)
    assert str(raised.value) == (
        "A blob in the store is not what it was when it was built.\n"
        f"  where: {shop.store.blob_path(wrong.digest)}\n"
        f"  found: {shop.built(shop.plans(stack), 'newer')[-1].blob.diff_id}\n"
        f"  expected: {wrong.diff_id}\n"
        "  hint: delete the file and build the stack again"
    )
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == before
    assert list((shop.store.root / "temporary").iterdir()) == []
