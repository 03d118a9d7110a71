from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.toc import skippable_frame
from ocistacks.blob.unpack import unpack_blob
from ocistacks.digests import Digest
from ocistacks.errors import TargetError, UnsafeContentError


@pytest.fixture
def destination(tmp_path):
    folder = tmp_path / "destination"
    folder.mkdir()
    return folder


def unpack(content, destination, media_type=MEDIA_TYPE_TAR_ZSTD, step=10_000, **options):
    chunks = (content[at : at + step] for at in range(0, len(content), step))
    options.setdefault("maximum_size", 100 << 20)
    return unpack_blob(chunks, destination, media_type=media_type, **options)


def tree_of(root):
    """Every path below a folder with all that a layer promises of it."""
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", mode)
        else:
            found[name] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
@pytest.mark.parametrize("step", [997, 1 << 30])
def test_a_blob_unpacks_to_the_tree_that_was_packed(sample, pack, destination, compression, step):
    blob, content = pack(sample, compression=compression)
    amounts = []
    unpacked = unpack(content, destination, blob.media_type, step, on_progress=amounts.append)
    assert tree_of(destination / "app") == tree_of(sample)
    assert sum(amounts) == blob.size
    assert (unpacked.digest, unpacked.size) == (blob.digest, blob.size)
    assert (unpacked.diff_id, unpacked.uncompressed_size) == (
        blob.diff_id,
        blob.uncompressed_size,
    )
    assert (unpacked.install_target, unpacked.file_count) == ("app", blob.file_count)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(sample, pack, destination, mask):
    blob, content = pack(sample)
    previous = os.umask(mask)
    try:
        unpack(content, destination, blob.media_type)
    finally:
        os.umask(previous)
    assert tree_of(destination / "app") == tree_of(sample)


def compressed(tar: bytes) -> bytes:
    return zstandard.compress(tar)


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def folder(name, **fields):
    return member(name, type=tarfile.DIRTYPE, mode=fields.pop("mode", 0o755), **fields)


def link(name, target, kind=tarfile.SYMTYPE):
    return member(name, type=kind, linkname=target)


def archive(*members, tar_format=tarfile.PAX_FORMAT, **options) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tar_format, **options) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return output.getvalue()


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_archives_of_other_tools_are_unpacked(destination, tar_format):
    # No entries for folders, a hard link, long names, record padding, a contiguous file.
    long = "d" * 90 + "/" + "n" * 90
    tar = archive(
        member(f"app/{long}", b"content", mode=0o555),
        link("app/again", f"app/{long}", tarfile.LNKTYPE),
        folder("app/" + "d" * 90),
        member("app/contiguous", b"c", type=tarfile.CONTTYPE),
        folder("app"),
        tar_format=tar_format,
    )
    unpacked = unpack(compressed(tar), destination)
    assert unpacked.diff_id == Digest.of_bytes(tar)
    assert (destination / "app" / "again").read_bytes() == b"content"
    assert (destination / "app" / long).stat().st_nlink == 2
    assert (destination / "app" / long).stat().st_mode & 0o7777 == 0o755
    assert (destination / "app" / "contiguous").stat().st_mode & 0o7777 == 0o644
    assert unpacked.file_count == 5


def test_long_link_targets_of_gnu_tar_are_unpacked(destination):
    target = "t" * 120
    tar = archive(folder("app"), link("app/l", target), tar_format=tarfile.GNU_FORMAT)
    unpack(compressed(tar), destination)
    assert os.readlink(destination / "app" / "l") == target


def test_pax_headers_without_meaning_here_are_passed_over(destination):
    tar = archive(
        folder("app", pax_headers={"mtime": "1.5", "SCHILY.xattr.user.x": "y"}),
        pax_headers={"comment": "0123abc"},
    )
    unpack(compressed(tar), destination)
    assert [path.name for path in destination.iterdir()] == ["app"]


def test_sizes_in_base_256_are_read(destination):
    tar = bytearray(archive(folder("app"), member("app/x", b"12345")))
    tar[512 + 124 : 512 + 136] = b"\x80" + (5).to_bytes(11, "big")
    renew_checksum(tar, 512)
    unpack(compressed(bytes(tar)), destination)
    assert (destination / "app" / "x").read_bytes() == b"12345"


def test_skippable_frames_and_many_frames_are_read(destination):
    tar = archive(folder("app"), member("app/x", b"12345"))
    frames = [compressed(tar[at : at + 100]) for at in range(0, len(tar), 100)]
    unpack(skippable_frame(b"more").join(frames) + skippable_frame(b"end"), destination)
    assert (destination / "app" / "x").read_bytes() == b"12345"


def test_gzip_of_one_large_member_is_read(destination):
    tar = archive(folder("app"), member("app/x", bytes(3 << 20)))
    unpack(gzip.compress(tar), destination, MEDIA_TYPE_TAR_GZIP)
    assert (destination / "app" / "x").stat().st_size == 3 << 20


def renew_checksum(tar: bytearray, at: int) -> None:
    tar[at + 148 : at + 156] = b" " * 8
    tar[at + 148 : at + 156] = b"%06o\0 " % sum(tar[at : at + 512])


def patched(offset: int, value: bytes, *, valid: bool = True) -> bytes:
    """An archive whose second header has other bytes at an offset."""
    tar = bytearray(archive(folder("app"), member("app/x", b"12345")))
    tar[512 + offset : 512 + offset + len(value)] = value
    if valid:
        renew_checksum(tar, 512)
    return bytes(tar)


def unsafe_name(name: str, fault: str) -> str:
    return f"An archive holds an unsafe name: {fault}.\n  found: {name!r}"


def unsafe_link(name: str, target: str, fault: str) -> str:
    return (
        f"A symbolic link in an archive leaves its place: {fault}.\n"
        f"  where: {name}\n  found: {target}\n"
        "  expected: a relative path to this layer or one beside it, .. only at its start"
    )


BESIDE = "An archive holds something beside its one top folder.\n  found: "
LATER = "A hard link in an archive does not point to a file before it in the archive."
CUT_SHORT = "An archive is cut short.\n  hint: fetch the blob again, it may be incomplete"
APP = folder("app")
HOSTILE = {
    "absolute name": (
        archive(APP, member("/app/x")),
        unsafe_name("/app/x", "the name is absolute"),
    ),
    "dot dot name": (
        archive(APP, member("app/../x")),
        unsafe_name("app/../x", "the name holds a .. component"),
    ),
    "dot name": (
        archive(folder("./app")),
        unsafe_name("./app", "the name holds an empty or . component"),
    ),
    "empty name": (
        archive(APP, member("")),
        unsafe_name("", "the name holds an empty or . component"),
    ),
    "dot dot in a pax path": (
        archive(APP, member("app/" + "y" * 120 + "/../../../x")),
        unsafe_name("app/" + "y" * 120 + "/../../../x", "the name holds a .. component"),
    ),
    "name that is not UTF-8": (
        archive(APP, member("app/\udcff"), tar_format=tarfile.GNU_FORMAT),
        "A name in an archive is not UTF-8.\n  found: 'app/\\\\xff'",
    ),
    "absolute link": (
        archive(APP, link("app/l", "/etc")),
        unsafe_link("app/l", "/etc", "the target is absolute"),
    ),
    "link above": (
        archive(APP, link("app/l", "../../etc")),
        unsafe_link("app/l", "../../etc", "the target lies above the folder that holds the layers"),
    ),
    "link that goes up behind a link": (
        archive(APP, folder("app/a"), link("app/a/up", ".."), link("app/l", "a/up/../../x")),
        unsafe_link(
            "app/l",
            "a/up/../../x",
            "the target holds a .. component behind another component",
        ),
    ),
    "write through a link": (
        archive(APP, link("app/l", "../other"), member("app/l/x", b"12345")),
        "An archive writes below a name that is no folder.\n"
        "  where: app/l/x\n  found: app/l is a file or link of the same archive",
    ),
    "folder through a link": (
        archive(APP, link("app/l", "../other"), folder("app/l/x/y")),
        "An archive writes below a name that is no folder.\n"
        "  where: app/l/x/y\n  found: app/l is a file or link of the same archive",
    ),
    "top folder that is a link": (
        archive(link("app", "."), member("app/x")),
        BESIDE + "'app'",
    ),
    "file beside the top folder": (archive(APP, member("x")), BESIDE + "'x'"),
    "hard link to the outside": (
        archive(APP, link("app/l", "/etc/passwd", tarfile.LNKTYPE)),
        f"{LATER}\n  where: app/l\n  found: /etc/passwd",
    ),
    "hard link upwards": (
        archive(APP, member("app/x"), link("app/l", "app/../app/x", tarfile.LNKTYPE)),
        f"{LATER}\n  where: app/l\n  found: app/../app/x",
    ),
    "hard link to a symbolic link": (
        archive(APP, link("app/s", "x"), link("app/l", "app/s", tarfile.LNKTYPE)),
        f"{LATER}\n  where: app/l\n  found: app/s",
    ),
    "hard link to a later file": (
        archive(APP, link("app/l", "app/x", tarfile.LNKTYPE), member("app/x")),
        f"{LATER}\n  where: app/l\n  found: app/x",
    ),
    "character device": (
        archive(APP, member("app/d", type=tarfile.CHRTYPE)),
        "An archive holds a character device.\n  where: app/d",
    ),
    "block device": (
        archive(APP, member("app/d", type=tarfile.BLKTYPE)),
        "An archive holds a block device.\n  where: app/d",
    ),
    "fifo": (
        archive(APP, member("app/d", type=tarfile.FIFOTYPE)),
        "An archive holds a FIFO.\n  where: app/d",
    ),
    "unknown type": (
        patched(156, b"V"),
        "An archive holds an entry of type 'V'.\n  where: app/x",
    ),
    "sparse file": (
        archive(APP, member("app/x", pax_headers={"GNU.sparse.major": "1"})),
        "An archive holds a sparse file.\n  found: GNU.sparse.major",
    ),
    "set-user-id file": (
        archive(APP, member("app/x", mode=0o4755)),
        "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
        "  where: app/x\n  found: mode 4755",
    ),
    "set-group-id folder": (
        archive(folder("app", mode=0o2755)),
        "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
        "  where: app/\n  found: mode 2755",
    ),
    "sticky folder": (
        archive(folder("app", mode=0o1777)),
        "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
        "  where: app/\n  found: mode 1777",
    ),
    "file twice": (
        archive(APP, member("app/x"), member("app/x")),
        "An archive holds a name twice.\n  found: 'app/x'",
    ),
    "folder twice": (archive(APP, APP), "An archive holds a name twice.\n  found: 'app'"),
    "file in a folder's place": (
        archive(member("app/x/y"), member("app/x")),
        "An archive holds a name twice.\n  found: 'app/x'",
    ),
    "two top folders": (
        archive(APP, folder("other")),
        "An archive holds more than one top folder.\n  found: 'other' beside 'app'",
    ),
    "second top folder without an entry": (
        archive(APP, member("other/x")),
        "An archive holds more than one top folder.\n  found: 'other' beside 'app'",
    ),
    "nothing": (archive(), "An archive is empty.\n  expected: one top folder"),
    "cut in a header": (archive(APP, member("app/x", b"12345"))[:700], CUT_SHORT),
    "cut in content": (archive(APP, member("app/x", bytes(5000)))[:3000], CUT_SHORT),
    "no end": (archive(APP)[:512], CUT_SHORT),
    "more behind the end": (
        archive(APP) + archive(APP),
        "An archive goes on behind its end.",
    ),
    "damaged header": (
        patched(0, b"appx", valid=False),
        "A header in an archive is damaged.\n  where: 'appxx'\n"
        "  hint: fetch the blob again, or make it again if that does not help",
    ),
    "damaged number": (
        patched(124, b"0000000000-\0"),
        "A number in an archive's header is damaged.\n  found: '0000000000-'",
    ),
    "folder with content": (
        patched(156, b"5"),
        "An entry of an archive that is no file has content.\n  where: app/x\n  found: 5 bytes",
    ),
    "names for all entries": (
        archive(APP, pax_headers={"path": "app/x"}),
        "An archive has a header for all its entries that names or resizes them.\n  found: path",
    ),
    "size that is no number": (
        archive(APP, member("app/x", pax_headers={"size": "5e3"})),
        "A size in an archive is no number.\n  found: 5e3",
    ),
    "endless extension": (
        patched(124, b"77777777777\0" + b"0" * 12 + b" " * 8 + b"x"),
        "A header in an archive is too long.\n"
        "  found: 8589934591 bytes\n  expected: at most 65536 bytes",
    ),
    "damaged pax header": (
        patched(156, b"x") + bytes(512),
        "A pax header in an archive is damaged.",
    ),
    "header that belongs to nothing": (
        archive(APP, member("app/" + "y" * 200))[: 512 + 1024] + bytes(1024),
        "An archive ends behind a header that belongs to another one.",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(destination, case):
    tar, message = HOSTILE[case]
    with pytest.raises(UnsafeContentError) as caught:
        unpack(compressed(tar), destination)
    assert str(caught.value) == message
    assert [path.name for path in destination.parent.iterdir()] == ["destination"]
    assert list(destination.iterdir()) == []


def refusal(content, destination, *arguments, **options) -> str:
    with pytest.raises(UnsafeContentError) as caught:
        unpack(content, destination, *arguments, **options)
    assert list(destination.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("compress", "media_type"),
    [(compressed, MEDIA_TYPE_TAR_ZSTD), (gzip.compress, MEDIA_TYPE_TAR_GZIP)],
)
def test_more_than_the_maximum_size_is_refused(destination, compress, media_type):
    content = compress(archive(APP, member("app/x", bytes(30 << 20))))
    assert refusal(content, destination, media_type, 1 << 30, maximum_size=5 << 20) == (
        "A blob holds more than it may.\n"
        "  found: more than 5242880 bytes when decompressed\n"
        "  expected: at most 5242880 bytes"
    )


def test_frames_of_nothing_cannot_go_on_for_ever(destination):
    content = compressed(archive(APP)) + skippable_frame(bytes(3 << 20))
    assert refusal(content, destination, maximum_size=1 << 20) == (
        "A blob is larger than what it may hold.\n"
        "  found: more than 2162688 bytes\n"
        "  expected: at most 1048576 bytes when decompressed"
    )


def test_a_window_that_would_fill_the_memory_is_refused(destination):
    parameters = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = (
        compressor.compress(archive(APP, member("app/x", bytes(9 << 20)))) + compressor.flush()
    )
    assert refusal(content, destination) == (
        "The compressed data of a blob is damaged.\n"
        "  found: zstd decompress error: Frame requires too much memory for decoding\n"
        "  hint: fetch the blob again; if that does not help, it was damaged when it was made"
    )


def test_too_many_entries_are_refused(destination):
    content = compressed(archive(APP, *(member(f"app/{number}") for number in range(5))))
    assert refusal(content, destination, maximum_entries=5) == (
        "An archive holds too many entries.\n  expected: at most 5"
    )


@pytest.mark.parametrize(
    ("media_type", "found"),
    [
        (MEDIA_TYPE_TAR_ZSTD, "zstd decompress error: Unknown frame descriptor"),
        (MEDIA_TYPE_TAR_GZIP, "Error -3 while decompressing data: incorrect header check"),
    ],
)
def test_bytes_that_are_no_compressed_data_are_told(destination, media_type, found):
    assert refusal(b"<html>not found</html>", destination, media_type) == (
        "The compressed data of a blob is damaged.\n"
        f"  found: {found}\n"
        "  hint: fetch the blob again; if that does not help, it was damaged when it was made"
    )


def test_other_media_types_are_refused(destination):
    assert refusal(b"x", destination, "application/vnd.oci.image.layer.v1.tar") == (
        "A layer is of a media type that ocistacks does not unpack.\n"
        "  found: application/vnd.oci.image.layer.v1.tar\n"
        "  expected: application/vnd.oci.image.layer.v1.tar+zstd "
        "or application/vnd.oci.image.layer.v1.tar+gzip"
    )


def test_an_error_of_the_source_is_raised_as_it_is_and_leaves_nothing(sample, pack, destination):
    _, content = pack(sample)
    error = ConnectionResetError("gone")

    def chunks():
        yield content[: len(content) - 300_000]
        raise error

    with pytest.raises(ConnectionResetError) as caught:
        unpack_blob(chunks(), destination, media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=100 << 20)
    assert caught.value is error
    assert list(destination.iterdir()) == []


def test_the_source_is_not_read_on_after_a_refusal(destination):
    tar = archive(folder("app"), member("/etc/x"), member("app/big", os.urandom(8 << 20)))
    content = compressed(tar)
    read = []

    def chunks():
        for at in range(0, len(content), 4096):
            read.append(at)
            yield content[at : at + 4096]

    with pytest.raises(UnsafeContentError):
        unpack_blob(chunks(), destination, media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=100 << 20)
    assert len(read) < len(content) / 4096


def test_a_destination_that_is_not_empty_is_left_alone(sample, pack, destination):
    (destination / "mine").touch()
    with pytest.raises(TargetError) as caught:
        unpack(pack(sample)[1], destination)
    assert str(caught.value) == (
        f"A layer cannot be unpacked here.\n  where: {destination}\n"
        "  found: mine\n  expected: an existing, empty folder"
    )
    assert [path.name for path in destination.iterdir()] == ["mine"]


def test_a_destination_that_does_not_exist_is_told(sample, pack, tmp_path):
    with pytest.raises(TargetError) as caught:
        unpack(pack(sample)[1], tmp_path / "none")
    assert str(caught.value) == (
        f"A layer cannot be unpacked here.\n  where: {tmp_path / 'none'}\n"
        "  found: No such file or directory\n  expected: an existing, empty folder"
    )


def test_a_name_that_the_file_system_refuses_is_told(destination):
    name = "app/" + "n" * 300
    with pytest.raises(TargetError) as caught:
        unpack(compressed(archive(APP, member(name))), destination)
    assert str(caught.value) == (
        f"An entry of a layer cannot be written.\n  where: {destination}/{name}\n"
        "  found: File name too long"
    )
    assert list(destination.iterdir()) == []


def test_no_descriptor_stays_open(sample, pack, destination):
    before = len(list(Path("/proc/self/fd").iterdir()))
    content = pack(sample)[1]
    refusal(content[:-600_000], destination)
    unpack(content, destination)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
