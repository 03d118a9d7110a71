"""zip: what Python's own reader finds in it, also where numbers need 64 bits."""

import io
import stat
import tarfile
import zipfile

import pytest

from ocistacks.deploy.archive_formats.zip_archive import write_zip
from ocistacks.errors import UnsafeContentError

BIG = b"".join(number.to_bytes(4, "big") for number in range(900_000))


def tar_of(*members):
    """A tar stream of (name, content, fields), with folders where content is None."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            else:
                info.size = len(content)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content or b""))
    return output.getvalue()


SAMPLE = tar_of(
    ("app", None, {}),
    ("app/big", BIG, {}),
    ("app/empty", b"", {}),
    ("app/link", b"", {"type": tarfile.SYMTYPE, "linkname": "../naïve"}),
    ("app/naïve", b"text", {}),
    ("app/run", b"#!/bin/sh\n", {"mode": 0o755}),
)


def written(tar=SAMPLE, *, threads=2, step=100_000):
    output = io.BytesIO()
    write_zip([tar[at : at + step] for at in range(0, len(tar), step)], output, threads=threads)
    return output.getvalue()


def test_python_reads_names_contents_modes_and_links():
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert archive.testzip() is None
        modes = {
            info.filename: stat.filemode(info.external_attr >> 16) for info in archive.filelist
        }
        assert modes == {
            "app/": "drwxr-xr-x",
            "app/big": "-rw-r--r--",
            "app/empty": "-rw-r--r--",
            "app/link": "lrwxrwxrwx",
            "app/naïve": "-rw-r--r--",
            "app/run": "-rwxr-xr-x",
        }
        assert archive.read("app/big") == BIG
        assert archive.read("app/empty") == b""
        assert archive.read("app/link").decode() == "../naïve"
        assert archive.getinfo("app/").is_dir()
        assert {info.date_time for info in archive.filelist} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.create_system for info in archive.filelist} == {3}
        assert archive.getinfo("app/big").compress_size < len(BIG)


def test_neither_threads_nor_buffers_change_the_bytes():
    expected = written(threads=1)
    assert written(threads=4, step=7_777) == expected


def test_many_entries_need_the_64_bit_end():
    names = [f"app/{number}" for number in range(65_600)]
    tar = tar_of(("app", None, {}), *((name, b"", {}) for name in names))
    with zipfile.ZipFile(io.BytesIO(written(tar, step=1 << 20))) as archive:
        assert archive.namelist() == ["app/", *names]


def test_an_entry_far_into_the_file_needs_a_64_bit_offset(tmp_path):
    # A zip file may begin behind other content; a hole makes that cheap.
    start = 5 << 30
    path = tmp_path / "far.zip"
    with path.open("wb") as output:
        output.seek(start)
        write_zip([SAMPLE], output, threads=1)
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("app/run").header_offset > start
        assert archive.testzip() is None
        assert archive.read("app/naïve") == b"text"


def test_a_hard_link_is_refused():
    tar = tar_of(
        ("app", None, {}),
        ("app/a", b"a", {}),
        ("app/b", b"", {"type": tarfile.LNKTYPE, "linkname": "app/a"}),
    )
    with pytest.raises(UnsafeContentError) as raised:
        written(tar)
    assert str(raised.value) == "A blob holds a hard link.\n  where: app/b"


def test_a_stream_that_is_cut_short_is_refused():
    with pytest.raises(UnsafeContentError):
        written(SAMPLE[:600_000])
