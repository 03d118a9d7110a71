from __future__ import annotations

import gzip
import hashlib
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

EMPTY = hashlib.sha256(b"").hexdigest()


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
            found[name] = ("link", str(path.readlink()))
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
    unpacked = unpack(
        content,
        destination,
        blob.media_type,
        step,
        on_progress=amounts.append,
        with_diff_id=True,
    )
    assert tree_of(destination / "app") == tree_of(sample)
    assert sum(amounts) == blob.size
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


class Written:
    """A keeper that writes down what it is handed."""

    def __init__(self):
        self.kept = {}

    def keep(self, path, digest, *, executable):
        content = Path(path).read_bytes()
        assert content
        assert hashlib.sha256(content).hexdigest() == digest
        self.kept[path] = (digest, executable)


@pytest.mark.parametrize("mask", [0o022, 0o777])
def test_a_keeper_gets_every_file_complete_and_read_only(sample, pack, destination, mask):
    blob, content = pack(sample)
    keeper = Written()
    previous = os.umask(mask)
    try:
        unpacked = unpack(content, destination, blob.media_type, keeper=keeper)
    finally:
        os.umask(previous)
    assert {
        os.path.relpath(path, destination / "app"): digest
        for path, (digest, _) in keeper.kept.items()
    } == {
        name: what[2]
        for name, what in tree_of(sample).items()
        if what[0] == "file" and what[2] != EMPTY
    }
    for path, (_, executable) in keeper.kept.items():
        assert Path(path).stat().st_mode & 0o7777 == (0o555 if executable else 0o444)
    assert len(unpacked.entries) == unpacked.file_count == blob.file_count
    files = {f"{destination}/{e.name}": e.digest for e in unpacked.entries if e.kind == "reg"}
    assert {path: digest for path, digest in files.items() if digest != EMPTY} == {
        path: digest for path, (digest, _) in keeper.kept.items()
    }


def test_a_keeper_that_fails_stops_the_unpacking(sample, pack, destination):
    class Full(Written):
        def keep(self, path, digest, *, executable):
            if len(self.kept) == 3:
                raise OSError(28, "No space left on device")
            super().keep(path, digest, executable=executable)

    keeper = Full()
    blob, content = pack(sample)
    with pytest.raises(TargetError) as caught:
        unpack(content, destination, blob.media_type, keeper=keeper)
    assert caught.value.what == "An entry of a layer cannot be written."
    assert caught.value.found == "No space left on device"
    assert caught.value.hint == "make room, then run the command again"
    assert list(destination.iterdir()) == []


def compressed(tar: bytes) -> bytes:
    return zstandard.compress(tar)


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_archives_of_other_tools_are_unpacked(destination, archives, tar_format):
    # No entries for folders, a hard link, long names, record padding, a contiguous file.
    long = "d" * 90 + "/" + "n" * 90
    tar = archives.archive(
        archives.member(f"app/{long}", b"content", mode=0o555),
        archives.link("app/again", f"app/{long}", tarfile.LNKTYPE),
        archives.folder("app/" + "d" * 90),
        archives.member("app/contiguous", b"c", type=tarfile.CONTTYPE),
        archives.folder("app"),
        tar_format=tar_format,
    )
    unpacked = unpack(compressed(tar), destination, with_diff_id=True)
    assert unpacked.diff_id == Digest.of_bytes(tar)
    assert (destination / "app" / "again").read_bytes() == b"content"
    assert (destination / "app" / long).stat().st_nlink == 2
    assert (destination / "app" / long).stat().st_mode & 0o7777 == 0o755
    assert (destination / "app" / "contiguous").stat().st_mode & 0o7777 == 0o644
    assert unpacked.file_count == 5


def test_long_link_targets_of_gnu_tar_are_unpacked(destination, archives):
    target = "t" * 120
    tar = archives.archive(
        archives.folder("app"), archives.link("app/l", target), tar_format=tarfile.GNU_FORMAT
    )
    unpack(compressed(tar), destination)
    assert (destination / "app" / "l").readlink() == Path(target)


def test_pax_headers_without_meaning_here_are_passed_over(destination, archives):
    tar = archives.archive(
        archives.folder("app", pax_headers={"mtime": "1.5", "SCHILY.xattr.user.x": "y"}),
        pax_headers={"comment": "0123abc"},
    )
    unpack(compressed(tar), destination)
    assert [path.name for path in destination.iterdir()] == ["app"]


def test_sizes_in_base_256_are_read(destination, archives):
    tar = bytearray(archives.archive(archives.folder("app"), archives.member("app/x", b"12345")))
    tar[512 + 124 : 512 + 136] = b"\x80" + (5).to_bytes(11, "big")
    archives.renew_checksum(tar, 512)
    unpack(compressed(bytes(tar)), destination)
    assert (destination / "app" / "x").read_bytes() == b"12345"


def test_skippable_frames_and_many_frames_are_read(destination, archives):
    tar = archives.archive(archives.folder("app"), archives.member("app/x", b"12345"))
    frames = [compressed(tar[at : at + 100]) for at in range(0, len(tar), 100)]
    unpack(skippable_frame(b"more").join(frames) + skippable_frame(b"end"), destination)
    assert (destination / "app" / "x").read_bytes() == b"12345"


def test_gzip_of_one_large_member_is_read(destination, archives):
    tar = archives.archive(archives.folder("app"), archives.member("app/x", bytes(3 << 20)))
    unpack(gzip.compress(tar), destination, MEDIA_TYPE_TAR_GZIP)
    assert (destination / "app" / "x").stat().st_size == 3 << 20


def refusal(content, destination, *arguments, **options) -> str:
    with pytest.raises(UnsafeContentError) as caught:
        unpack(content, destination, *arguments, **options)
    assert list(destination.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("compress", "media_type"),
    [(compressed, MEDIA_TYPE_TAR_ZSTD), (gzip.compress, MEDIA_TYPE_TAR_GZIP)],
)
def test_more_than_the_maximum_size_is_refused(destination, archives, compress, media_type):
    content = compress(archives.archive(archives.APP, archives.member("app/x", bytes(30 << 20))))
    assert refusal(content, destination, media_type, 1 << 30, maximum_size=5 << 20) == (
        "A blob holds more than it may.\n"
        "  found: more than 5242880 bytes when decompressed\n"
        "  expected: at most 5242880 bytes"
    )


def test_frames_of_nothing_cannot_go_on_for_ever(destination, archives):
    content = compressed(archives.archive(archives.APP)) + skippable_frame(bytes(3 << 20))
    assert refusal(content, destination, maximum_size=1 << 20) == (
        "A blob is larger than what it may hold.\n"
        "  found: more than 2162688 bytes\n"
        "  expected: at most 1048576 bytes when decompressed"
    )


def test_a_window_that_would_fill_the_memory_is_refused(destination, archives):
    parameters = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = (
        compressor.compress(
            archives.archive(archives.APP, archives.member("app/x", bytes(9 << 20)))
        )
        + compressor.flush()
    )
    assert refusal(content, destination) == (
        "The compressed data of a blob is damaged.\n"
        "  found: zstd decompress error: Frame requires too much memory for decoding\n"
        "  hint: fetch the blob again; if that does not help, it was damaged when it was made"
    )


def test_too_many_entries_are_refused(destination, archives):
    content = compressed(
        archives.archive(archives.APP, *(archives.member(f"app/{number}") for number in range(5)))
    )
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


def test_the_source_is_not_read_on_after_a_refusal(destination, archives):
    tar = archives.archive(
        archives.folder("app"),
        archives.member("/etc/x"),
        archives.member("app/big", os.urandom(8 << 20)),
    )
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


def test_a_name_that_the_file_system_refuses_is_told(destination, archives):
    name = "app/" + "n" * 300
    with pytest.raises(TargetError) as caught:
        unpack(compressed(archives.archive(archives.APP, archives.member(name))), destination)
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
