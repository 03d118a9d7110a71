"""The one form in which a built wheel is put out."""

import io
import stat
import zipfile

import pytest

from ocistacks.wheels.finish import write_normalised

FILES = {
    "demo-1.dist-info/RECORD": "demo/__init__.py,,\n",
    "demo-1.dist-info/METADATA": "Name: demo\n",
    "demo/run.sh": "#!/bin/sh\n",
    "demo/__init__.py": "x = 1\n" * 500,
}


@pytest.fixture
def wheel(tmp_path):
    """A function that writes a wheel in an order, with a time and a way to compress."""

    def wheel(name, names, time, compression):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr(zipfile.ZipInfo("demo/", time), "")
            for member in names:
                header = zipfile.ZipInfo(member, time)
                header.compress_type = compression
                mode = 0o700 if member.endswith(".sh") else 0o660
                header.external_attr = (stat.S_IFREG | mode) << 16
                archive.writestr(header, FILES[member])
        return path

    return wheel


def test_order_times_modes_and_compression_leave_no_trace(wheel, tmp_path):
    one = wheel("one.whl", sorted(FILES), (2001, 2, 3, 4, 5, 6), zipfile.ZIP_DEFLATED)
    other = wheel("other.whl", list(FILES), (2020, 2, 3, 4, 5, 6), zipfile.ZIP_STORED)
    write_normalised(one, tmp_path / "first")
    write_normalised(other, tmp_path / "second")
    content = (tmp_path / "first").read_bytes()
    assert (tmp_path / "second").read_bytes() == content

    archive = zipfile.ZipFile(io.BytesIO(content))
    assert [(entry.filename, oct(entry.external_attr >> 16)) for entry in archive.infolist()] == [
        ("demo/__init__.py", "0o100644"),
        ("demo/run.sh", "0o100755"),
        ("demo-1.dist-info/METADATA", "0o100644"),
        ("demo-1.dist-info/RECORD", "0o100644"),
    ]
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert {name: archive.read(name).decode() for name in archive.namelist()} == FILES
