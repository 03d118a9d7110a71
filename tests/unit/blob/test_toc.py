from __future__ import annotations

import io

import pytest
import zstandard

from ocistacks.blob.toc import (
    Footer,
    Part,
    Toc,
    TocEntry,
    annotations_of,
    chunk_entry,
    encode_footer,
    parse_footer,
    parse_toc,
    read_toc,
    skippable_frame,
    toc_entry,
)
from ocistacks.blob.tree_walk import Entry
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError

FOOTER = Footer(
    toc=Part(offset=1, size=2, uncompressed_size=3),
    tar_split=Part(offset=4, size=5, uncompressed_size=6),
)
SUM = "sha256:" + "ab" * 32


def test_a_footer_is_eight_little_endian_numbers():
    content = encode_footer(FOOTER)
    numbers = [int.from_bytes(content[at : at + 8], "little") for at in range(0, 56, 8)]
    assert numbers == [1, 2, 3, 1, 4, 5, 6]
    assert content[56:].hex() == "474e556c496e5578"
    assert parse_footer(content) == FOOTER


def test_bytes_that_are_no_footer_are_told():
    with pytest.raises(UnsafeContentError) as caught:
        parse_footer(bytes(64))
    assert str(caught.value) == (
        "This blob has no table of contents.\n"
        "  found: 0000000000000000 in its last bytes\n"
        "  expected: 474e556c496e5578, the end of a zstd:chunked footer"
    )


def test_an_unknown_type_of_table_is_refused():
    content = bytearray(encode_footer(FOOTER))
    content[24] = 2
    with pytest.raises(UnsafeContentError) as caught:
        parse_footer(bytes(content))
    assert str(caught.value) == (
        "This blob's table of contents is of an unknown type.\n  found: 2\n  expected: 1"
    )


def test_a_table_that_would_fill_the_memory_is_refused():
    toc = Part(offset=1, size=2, uncompressed_size=1 << 40)
    with pytest.raises(UnsafeContentError) as caught:
        parse_footer(encode_footer(Footer(toc=toc, tar_split=FOOTER.tar_split)))
    assert str(caught.value) == (
        "This blob's table of contents is too large.\n"
        "  found: 1099511627776 bytes\n"
        "  expected: at most 157286400 bytes"
    )


def test_annotations_have_new_and_old_names():
    assert annotations_of(FOOTER, Digest(SUM)) == {
        "io.github.containers.zstd-chunked.manifest-checksum": SUM,
        "io.github.containers.zstd-chunked.manifest-position": "1:2:3:1",
        "io.github.containers.zstd-chunked.tarsplit-position": "4:5:6",
        "io.containers.zstd-chunked.manifest-checksum": SUM,
        "io.containers.zstd-chunked.manifest-position": "1:2:3:1",
    }


def test_entries_are_written_with_the_format_s_keys():
    entry = Entry(name='a/"ü', kind="reg", mode=0o755, size=3)
    text = toc_entry(entry, placement=f',"digest":"{SUM}","offset":7,"endOffset":9')
    assert text == (
        '{"type":"reg","name":"a/\\"ü","mode":493,"size":3,'
        f'"modtime":"1980-01-01T00:00:00Z","digest":"{SUM}","offset":7,"endOffset":9}}'
    )
    parsed = TocEntry.model_validate_json(text)
    assert (parsed.name, parsed.digest, parsed.end_offset) == ('a/"ü', SUM, 9)


def test_links_and_chunks_are_read_back():
    link = toc_entry(Entry(name="a/l", kind="symlink", mode=0o777, link_name="x"))
    assert TocEntry.model_validate_json(link).link_name == "x"
    chunk = chunk_entry("a/f", offset=4, placement=',"offset":9,"chunkSize":2')
    assert TocEntry.model_validate_json(chunk) == TocEntry(
        type="chunk", name="a/f", offset=9, chunkOffset=4, chunkSize=2
    )


def blob_with(text: bytes) -> tuple[io.BytesIO, Digest]:
    content = zstandard.compress(text)
    toc = Part(offset=8 + 4, size=len(content), uncompressed_size=len(text))
    footer = encode_footer(Footer(toc=toc, tar_split=FOOTER.tar_split))
    blob = io.BytesIO(b"data" + skippable_frame(content) + skippable_frame(footer))
    return blob, Digest.of_bytes(content)


def test_a_table_is_read_from_the_end_of_a_blob():
    blob, checksum = blob_with(b'{"version":1,"entries":[{"type":"dir","name":"a/"}]}')
    expected = Toc(version=1, entries=(TocEntry(type="dir", name="a/"),))
    assert read_toc(blob, checksum=checksum) == expected
    assert read_toc(blob) == expected


def test_a_table_with_another_checksum_is_refused():
    blob, checksum = blob_with(b'{"version":1,"entries":[]}')
    with pytest.raises(DigestError) as caught:
        read_toc(blob, checksum=Digest(SUM))
    assert str(caught.value) == (
        "A blob's table of contents is not the one that its manifest promises.\n"
        f"  found: {checksum}\n  expected: {SUM}"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"version":2,"entries":[]}', "version: Input should be 1"),
        (b'{"version":1,"entries":[{"type":"dir"}]}', "entries.0.name: Field required"),
        (
            b'{"version":1,"entries":[],"more":1}',
            "more: Extra inputs are not permitted",
        ),
    ],
)
def test_a_malformed_table_is_told(text, found):
    blob, _ = blob_with(text)
    with pytest.raises(UnsafeContentError) as caught:
        read_toc(blob)
    assert str(caught.value) == f"A blob's table of contents is malformed.\n  found: {found}"


def test_a_table_of_another_size_than_told_is_refused():
    content = zstandard.compress(bytes(1000))
    with pytest.raises(UnsafeContentError) as caught:
        parse_toc(content, 999)
    assert str(caught.value) == (
        "A blob's table of contents is malformed.\n"
        "  found: its size is not the 999 bytes that the footer tells"
    )


def test_a_blob_that_is_shorter_than_its_footer_tells_is_refused():
    footer = Footer(toc=Part(offset=500, size=1, uncompressed_size=1), tar_split=FOOTER.tar_split)
    with pytest.raises(UnsafeContentError) as caught:
        read_toc(io.BytesIO(encode_footer(footer)))
    assert str(caught.value) == (
        "A blob's table of contents is malformed.\n"
        "  found: its position 500 lies behind the blob's end 64"
    )
