from __future__ import annotations

import io
import tarfile

import pytest

from ocistacks.blob.tar_header import END_OF_ARCHIVE, encode_header, padding
from ocistacks.blob.tree_walk import Entry

MODIFIED = 315532800


def standard_header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.type = {"reg": b"0", "dir": b"5", "symlink": b"2"}[entry.kind]
    info.mode = entry.mode
    info.size = entry.size
    info.mtime = MODIFIED
    info.linkname = entry.link_name
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(name="app/", kind="dir", mode=0o755),
        Entry(name="app/x", kind="reg", mode=0o644, size=12345),
        Entry(name="app/run", kind="reg", mode=0o755, size=8**11 - 1),
        Entry(name="app/l", kind="symlink", mode=0o777, link_name="../" * 20 + "python"),
        Entry(name="a" * 100, kind="reg", mode=0o644, size=1),
        Entry(name="p" * 155 + "/" + "n" * 100, kind="reg", mode=0o644),
        Entry(name="p/" * 70 + "name", kind="reg", mode=0o644),
    ],
    ids=lambda entry: f"{entry.kind}-{len(entry.name)}",
)
def test_plain_headers_are_those_of_the_standard_library(entry):
    assert encode_header(entry) == standard_header(entry)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(name="app/é", kind="reg", mode=0o644),
        Entry(name="n" * 101, kind="reg", mode=0o644),
        Entry(name="p" * 156 + "/name", kind="reg", mode=0o644),
        Entry(name="a/" + "n" * 101, kind="reg", mode=0o644),
        Entry(name="a/" + "d" * 100 + "/", kind="dir", mode=0o755),
        Entry(name="app/l", kind="symlink", mode=0o777, link_name="t" * 101),
        Entry(name="app/l", kind="symlink", mode=0o777, link_name="ü"),
        Entry(name="app/ü/" + "n" * 500, kind="symlink", mode=0o777, link_name="ü" * 300),
    ],
    ids=lambda entry: f"{entry.kind}-{len(entry.name)}-{len(entry.link_name)}",
)
def test_what_ustar_cannot_hold_goes_into_pax_records(entry):
    header = encode_header(entry)
    assert len(header) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(header + END_OF_ARCHIVE)) as archive:
        (info,) = archive.getmembers()
    assert info.name == entry.name.rstrip("/")
    assert info.linkname == entry.link_name
    assert (info.mode, info.uid, info.gid, info.uname, info.gname) == (entry.mode, 0, 0, "", "")
    assert info.mtime == MODIFIED


def test_a_file_of_eight_gibibytes_has_a_size_record():
    entry = Entry(name="app/big", kind="reg", mode=0o644, size=8**11)
    info = tarfile.TarInfo.frombuf(encode_header(entry)[-512:], "utf-8", "strict")
    assert info.size == 0
    assert encode_header(entry)[512:1024].rstrip(b"\0") == b"19 size=8589934592\n"


@pytest.mark.parametrize(("size", "length"), [(0, 0), (1, 511), (512, 0), (513, 511)])
def test_content_is_padded_to_whole_blocks(size, length):
    assert padding(size) == bytes(length)
