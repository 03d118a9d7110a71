import io
import lzma
import tarfile

import pytest

from ocistacks.builder.python_source.unpacking import (
    MAXIMUM_ENTRIES,
    MAXIMUM_SIZE,
    unpack_release,
    verify_tarball,
)
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, DigestError, UnsafeContentError


def entry(name, content=b"", *, mode=0o644, mtime=1_000, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), mode, mtime
    member.type, member.linkname = kind, link
    return member, content


def tarball(folder, *entries):
    path = folder / "release.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for member, content in entries:
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_release_is_unpacked_with_its_times_and_plain_modes(tmp_path):
    path = tarball(
        tmp_path,
        entry("Python-3.14.0rc2", mode=0o700, mtime=5_000, kind=tarfile.DIRTYPE),
        entry("Python-3.14.0rc2/configure", b"#!/bin/sh\n", mode=0o4775, mtime=2_000),
        entry("Python-3.14.0rc2/Lib/os.py", b"pass\n", mode=0o600, mtime=9_000),
    )
    source = unpack_release(path, tmp_path / "out")
    assert (source.version, source.minor, source.epoch) == ("3.14.0rc2", "3.14", 9_000)
    assert source.folder == tmp_path / "out" / "Python-3.14.0rc2"
    configure, module = source.folder / "configure", source.folder / "Lib" / "os.py"
    assert configure.read_bytes() == b"#!/bin/sh\n"
    assert (configure.stat().st_mode & 0o7777, module.stat().st_mode & 0o7777) == (0o755, 0o644)
    assert (configure.stat().st_mtime, module.stat().st_mtime) == (2_000, 9_000)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([entry("../evil", b"x")], "the name '../evil'"),
        ([entry("/etc/evil", b"x")], "the name '/etc/evil'"),
        ([entry("Python-3.13.5/../../evil", b"x")], "the name 'Python-3.13.5/../../evil'"),
        (
            [entry("Python-3.13.5/link", kind=tarfile.SYMTYPE, link="/etc")],
            "'Python-3.13.5/link', which is neither a file nor a folder",
        ),
        (
            [entry("Python-3.13.5/hard", kind=tarfile.LNKTYPE, link="/etc/passwd")],
            "'Python-3.13.5/hard', which is neither a file nor a folder",
        ),
        (
            [entry("Python-3.13.5/device", kind=tarfile.CHRTYPE)],
            "'Python-3.13.5/device', which is neither a file nor a folder",
        ),
        (
            [entry("Python-3.13.5/a", b"x"), entry("second/b", b"x")],
            "the top folders Python-3.13.5, second",
        ),
        ([entry("Python-latest/a", b"x")], "the top folders Python-latest"),
        ([], "the top folders (none)"),
    ],
)
def test_what_no_release_holds_is_refused(tmp_path, entries, found):
    with pytest.raises(UnsafeContentError) as caught:
        unpack_release(tarball(tmp_path, *entries), tmp_path / "out")
    assert str(caught.value) == (
        "The CPython release tarball holds what no release holds.\n"
        "  where: release.tar.xz\n"
        f"  found: {found}\n"
        "  expected: one folder Python-VERSION with folders and regular files in it"
    )
    assert not (tmp_path / "evil").exists()


def test_a_tarball_that_claims_to_be_huge_is_refused_before_it_is_written(tmp_path):
    member, _ = entry("Python-3.13.5/huge")
    member.size = MAXIMUM_SIZE + 1
    path = tmp_path / "release.tar.xz"
    with lzma.open(path, "wb") as stream:
        stream.write(member.tobuf())  # the header alone: what follows never comes
    with pytest.raises(UnsafeContentError) as caught:
        unpack_release(path, tmp_path / "out")
    assert caught.value.found == f"more than {MAXIMUM_SIZE} bytes or {MAXIMUM_ENTRIES} files"
    assert not (tmp_path / "out").exists()


def test_a_cut_tarball_is_named(tmp_path):
    path = tarball(tmp_path, entry("Python-3.13.5/a", bytes(range(256)) * 4_000))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BuildError) as caught:
        unpack_release(path, tmp_path / "out")
    assert str(caught.value) == (
        "The CPython release tarball cannot be read.\n"
        "  where: release.tar.xz\n"
        f"  found: {caught.value.found}\n"
        "  expected: a whole .tar.xz file"
    )
    assert caught.value.found


def test_another_tarball_is_refused(tmp_path):
    path = tarball(tmp_path, entry("Python-3.13.5/a", b"x"))
    found, expected = Digest.of_file(path), Digest.of_bytes(b"the release")
    verify_tarball(path, (expected, found))
    with pytest.raises(DigestError) as caught:
        verify_tarball(path, (expected,))
    assert str(caught.value) == (
        "The CPython release tarball is not the one that was asked for.\n"
        "  where: release.tar.xz\n"
        f"  found: {found}\n"
        f"  expected: {expected}\n"
        "  hint: fetch it again, from another mirror"
    )
