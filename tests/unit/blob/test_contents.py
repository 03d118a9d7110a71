"""A blob that is read through: what it holds, and tables that tell of other files."""

from __future__ import annotations

import io
import json
import struct

import pytest
import zstandard

from ocistacks.blob.contents import BlobContents, read_contents
from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.toc import CHECKSUM_KEYS, POSITION_KEYS, Part, skippable_frame
from ocistacks.blob.toc_place import TocPlace, find_toc_place
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError

LARGEST = 1 << 30


def pieces(content, size=70_001):
    return (content[start : start + size] for start in range(0, len(content), size))


def with_table(content, place, change):
    """The blob with other lines in its table of contents, and where that lies."""
    part = place.part
    text = (
        zstandard.ZstdDecompressor()
        .decompressobj()
        .decompress(content[part.offset : part.offset + part.size])
    )
    document = json.loads(text)
    change(document["entries"])
    text = json.dumps(document, ensure_ascii=False).encode()
    toc = zstandard.ZstdCompressor().compress(text)
    head = content[: part.offset - 8]
    footer = list(struct.unpack("<7Q8s", content[-64:]))
    footer[1:3] = len(toc), len(text)
    changed = head + skippable_frame(toc) + skippable_frame(struct.pack("<7Q8s", *footer))
    new = Part(offset=part.offset, size=len(toc), uncompressed_size=len(text))
    return changed, TocPlace(part=new, checksum=Digest.of_bytes(toc))


def entry_named(entries, ending):
    (found,) = (each for each in entries if each["name"].endswith(ending) and "mode" in each)
    return found


@pytest.mark.parametrize("size", [65, 70_001, 1 << 24])
def test_a_blob_holds_what_was_packed(sample, pack, size):
    blob, content = pack(sample)
    contents = read_contents(
        pieces(content, size),
        media_type=MEDIA_TYPE_TAR_ZSTD,
        maximum_size=LARGEST,
        toc=find_toc_place(blob.annotations),
    )
    assert contents == BlobContents(
        diff_id=blob.diff_id,
        uncompressed_size=blob.uncompressed_size,
        file_count=blob.file_count,
        install_target="app",
    )


def test_a_gzip_blob_has_no_table(sample, pack):
    blob, content = pack(sample, compression="gzip", level=6)
    contents = read_contents(
        pieces(content), media_type=MEDIA_TYPE_TAR_GZIP, maximum_size=LARGEST, toc=None
    )
    assert (contents.diff_id, contents.file_count) == (blob.diff_id, blob.file_count)


CHANGES = {
    "another digest": lambda entries: entry_named(entries, "lib.py").update(
        digest=Digest.of_bytes(b"other")
    ),
    "another size": lambda entries: entry_named(entries, "lib.py").update(size=5),
    "another name": lambda entries: entry_named(entries, "lib.py").update(name="app/lib.pz"),
    "another mode": lambda entries: entry_named(entries, "lib.py").update(mode=0o755),
    "another link": lambda entries: entry_named(entries, "bin/python").update(linkName="x"),
    "another kind": lambda entries: entry_named(entries, "lib/empty").update(type="dir"),
    "a file less": lambda entries: entries.remove(entry_named(entries, "lib.py")),
    "a file more": lambda entries: entries.append({"type": "reg", "name": "app/z", "mode": 0o644}),
    "another order": lambda entries: entries.reverse(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_table_that_lists_other_files_is_found(sample, pack, change):
    blob, content = pack(sample)
    changed, place = with_table(content, find_toc_place(blob.annotations), change)
    with pytest.raises(UnsafeContentError) as caught:
        read_contents(
            pieces(changed), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=LARGEST, toc=place
        )
    assert caught.value.what == "A blob's table of contents lists other files than its tar holds."
    assert caught.value.found != caught.value.expected


def test_a_changed_line_is_told(sample, pack):
    blob, content = pack(sample)
    changed, place = with_table(content, find_toc_place(blob.annotations), CHANGES["another size"])
    with pytest.raises(UnsafeContentError) as caught:
        read_contents(
            pieces(changed), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=LARGEST, toc=place
        )
    digest = Digest.of_bytes((sample / "lib.py").read_bytes())
    assert str(caught.value) == (
        "A blob's table of contents lists other files than its tar holds.\n"
        "  where: app/lib.py\n"
        f"  found: in the table: file app/lib.py, 5 bytes, {digest}\n"
        f"  expected: as in the tar: file app/lib.py, 28 bytes, {digest}\n"
        "  hint: do not use this blob: its maker shows different readers different files"
    )


def test_the_same_table_written_anew_is_right(sample, pack):
    blob, content = pack(sample)
    changed, place = with_table(content, find_toc_place(blob.annotations), lambda entries: None)
    contents = read_contents(
        pieces(changed), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=LARGEST, toc=place
    )
    assert contents.file_count == blob.file_count


def test_a_table_with_another_digest_is_found(sample, pack):
    blob, content = pack(sample)
    place = find_toc_place(blob.annotations)
    other = TocPlace(part=place.part, checksum=Digest.of_bytes(b"other"))
    with pytest.raises(DigestError):
        read_contents(
            pieces(content), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=LARGEST, toc=other
        )


def test_an_end_that_names_another_table_is_found(sample, pack):
    blob, content = pack(sample)
    place = find_toc_place(blob.annotations)
    footer = list(struct.unpack("<7Q8s", content[-64:]))
    footer[0] += 1
    changed = content[:-64] + struct.pack("<7Q8s", *footer)
    with pytest.raises(UnsafeContentError) as caught:
        read_contents(
            pieces(changed), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=LARGEST, toc=place
        )
    assert caught.value.what == "A blob's end names another table of contents than its annotations."


@pytest.mark.parametrize(
    "annotations",
    [
        {POSITION_KEYS[0]: "11:2:3:1"},
        {POSITION_KEYS[0]: "11:2:3:2", CHECKSUM_KEYS[0]: Digest.of_bytes(b"")},
        {POSITION_KEYS[0]: "11:2:3:1", POSITION_KEYS[1]: "11:2:4:1", CHECKSUM_KEYS[0]: "x"},
        {POSITION_KEYS[0]: f"11:{1 << 40}:3:1", CHECKSUM_KEYS[0]: Digest.of_bytes(b"")},
        {POSITION_KEYS[0]: "-11:2:3:1", CHECKSUM_KEYS[0]: Digest.of_bytes(b"")},
    ],
)
def test_annotations_that_do_not_say_where_the_table_is(annotations):
    with pytest.raises(UnsafeContentError) as caught:
        find_toc_place(annotations)
    assert caught.value.what == (
        "A layer's annotations do not tell where its table of contents lies."
    )


def test_a_blob_without_a_table():
    assert find_toc_place({}) is None


def test_a_bomb_is_refused(sample, pack):
    _blob, content = pack(sample)
    with pytest.raises(UnsafeContentError) as caught:
        read_contents(
            io.BytesIO(content), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=1000, toc=None
        )
    assert caught.value.what == "A blob holds more than it may."
