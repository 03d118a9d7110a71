"""What tools that this project did not write make of tar.xz and zip."""

import io
import os
import stat
import subprocess
import tarfile
import zlib

from ocistacks.deploy.archive_formats.xz import write_xz
from ocistacks.deploy.archive_formats.zip_archive import write_zip
from ocistacks.deploy.archive_formats.zip_records import (
    STORED,
    WrittenEntry,
    ZipEntry,
    central_header,
    end_of_archive,
    local_header,
)

MEBIBYTE = 1 << 20


def run(*command):
    # unzip and bsdtar write names as the locale says.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_xz_finds_one_stream_of_many_blocks(tmp_path):
    path = tmp_path / "content.xz"
    with path.open("wb") as output:
        write_xz((bytes(MEBIBYTE) for _ in range(40)), output, threads=2)
    run("xz", "--test", path)
    summary = run("xz", "--list", "--robot", path).splitlines()[-1].split("\t")
    assert summary[:3] == ["totals", "1", "5"]
    assert summary[4] == str(40 * MEBIBYTE)
    assert summary[6] == "CRC64"


def test_a_file_of_more_than_four_gigabytes_has_64_bit_sizes(tmp_path):
    size, block = (4 << 30) + MEBIBYTE, bytes(MEBIBYTE)
    checksum = 0
    for _ in range(size // MEBIBYTE):
        checksum = zlib.crc32(block, checksum)
    entry = ZipEntry(name="app/large", mode=stat.S_IFREG | 0o644, size=size, method=STORED)
    path = tmp_path / "large.zip"
    with path.open("wb") as output:
        output.write(local_header(entry, checksum=checksum, compressed_size=size))
        output.seek(size, os.SEEK_CUR)  # a hole is as good as zeros that were written
        offset = output.tell()
        central = central_header(
            WrittenEntry(entry=entry, offset=0, checksum=checksum, compressed_size=size)
        )
        output.write(central)
        output.write(end_of_archive(1, offset=offset, size=len(central)))
    assert "No errors detected" in run("unzip", "-t", path)
    assert str(size) in run("unzip", "-l", path)
    assert str(size) in run("bsdtar", "-tvf", path)


def test_names_modes_and_links_survive_a_zip(tmp_path):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as members:
        for name, kind, link in (
            ("app", tarfile.DIRTYPE, ""),
            ("app/naïve ✓", tarfile.REGTYPE, ""),
            ("app/link", tarfile.SYMTYPE, "../other/naïve ✓"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, link, 0o755
            members.addfile(info)
    path = tmp_path / "app.zip"
    with path.open("wb") as output:
        write_zip([tar.getvalue()], output, threads=1)
    for number, command in enumerate((("unzip", "-q", path, "-d"), ("bsdtar", "-xf", path, "-C"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(*command, folder)
        assert str((folder / "app/link").readlink()) == "../other/naïve ✓"
        assert (folder / "app/naïve ✓").stat().st_mode & 0o777 == 0o755
