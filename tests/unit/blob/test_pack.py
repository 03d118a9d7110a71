from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import tarfile
import threading

import pytest
import zstandard
from fastcrc import crc64

from ocistacks.blob.batch_reading import BatchReader
from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD, Blob
from ocistacks.blob.pack import pack_tree
from ocistacks.blob.pieces import CHUNK_SIZE, cut_entries, gather_batches
from ocistacks.blob.toc import parse_footer, read_toc
from ocistacks.blob.tree_walk import Entry
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, UsageError

# A change of these is a change of every layer's bytes: raise the layer format version with it.
GOLDEN_DIGEST = "sha256:2f999aaea452b1a9518a180b1a231db3e221284a0bd8fb9346945ab500a7847e"
GOLDEN_DIFF_ID = "sha256:56662f515f5b75e84a7e71018a0f5dd60bd64d6702ee71ea6a2db6556a272d43"


def decompressed(content: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
    return reader.read()


def test_the_sample_s_digests_are_pinned(sample, pack):
    blob, _ = pack(sample)
    assert (blob.digest, blob.diff_id) == (GOLDEN_DIGEST, GOLDEN_DIFF_ID)


def test_the_blob_tells_the_truth(sample, pack):
    blob, content = pack(sample)
    tar = decompressed(content)
    assert blob.digest == Digest.of_bytes(content)
    assert blob.size == len(content)
    assert blob.diff_id == Digest.of_bytes(tar)
    assert blob.uncompressed_size == len(tar)
    assert blob.media_type == MEDIA_TYPE_TAR_ZSTD
    assert blob.file_count == 12
    assert Blob.model_validate_json(blob.model_dump_json()) == blob


def test_entries_are_sorted_and_normalised(sample, pack):
    (sample / "lib.py").chmod(0o4600)
    (sample / "lib").chmod(0o700)
    _, content = pack(sample)
    with tarfile.open(fileobj=io.BytesIO(decompressed(content))) as archive:
        members = archive.getmembers()
    assert [(member.name, member.mode) for member in members] == [
        ("app", 0o755),
        ("app/bin", 0o755),
        ("app/bin/python", 0o777),
        ("app/bin/run", 0o755),
        ("app/lib", 0o755),
        ("app/lib/big.so", 0o644),
        ("app/lib/empty", 0o644),
        ("app/lib/empty folder", 0o755),
        ("app/lib/" + "long" * 60, 0o644),
        ("app/lib/naïve.py", 0o644),
        ("app/lib.py", 0o644),
        ("app/zeros", 0o644),
    ]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
        (0, 0, "", "", 315532800)
    }


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_number_of_threads_does_not_show(sample, pack, threads):
    for number in range(200):
        (sample / f"{number}.py").write_bytes(os.urandom(8) * number * 100)
    assert pack(sample, threads=threads)[0] == pack(sample)[0]


def test_where_and_how_a_tree_was_written_does_not_show(sample, pack, tmp_path):
    before = pack(sample)[0]
    copy = tmp_path / "elsewhere" / "copy"
    previous = os.umask(0o077)
    try:
        copy.mkdir(parents=True)
        for path in sorted(sample.rglob("*"), reverse=True):
            target = copy / path.relative_to(sample)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                target.symlink_to(path.readlink())
            elif path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(path.read_bytes())
                target.chmod(0o711 if os.access(path, os.X_OK) else 0o600)
                os.utime(target, (1, 1))
    finally:
        os.umask(previous)
    assert pack(copy)[0] == before


def test_hard_linked_files_are_stored_twice(sample, pack):
    (sample / "again").hardlink_to(sample / "zeros")
    _, content = pack(sample)
    with tarfile.open(fileobj=io.BytesIO(decompressed(content))) as archive:
        assert archive.getmember("app/again").isreg()
        assert archive.getmember("app/again").size == 512


def test_the_table_of_contents_finds_every_file(sample, pack):
    blob, content = pack(sample)
    annotations = blob.annotations
    checksum = Digest(annotations["io.github.containers.zstd-chunked.manifest-checksum"])
    toc = read_toc(io.BytesIO(content), checksum=checksum)
    assert len([entry for entry in toc.entries if entry.type != "chunk"]) == blob.file_count
    for entry in toc.entries:
        if entry.type == "reg" and entry.size:
            data = decompressed(content[entry.offset : entry.end_offset])
            assert data == (sample / entry.name.removeprefix("app/")).read_bytes()
            assert entry.digest == Digest.of_bytes(data)
        elif entry.type != "chunk":
            assert (entry.offset, entry.end_offset, entry.digest) == (0, 0, None)


def test_chunks_of_a_large_file_are_frames_of_their_own(sample, pack):
    _, content = pack(sample)
    entries = read_toc(io.BytesIO(content)).entries
    first, second = (entry for entry in entries if entry.name == "app/lib/big.so")
    big = (sample / "lib" / "big.so").read_bytes()
    assert (first.type, first.chunk_offset, first.chunk_size) == ("reg", 0, CHUNK_SIZE)
    assert (second.type, second.chunk_offset) == ("chunk", CHUNK_SIZE)
    assert second.chunk_size == len(big) - CHUNK_SIZE
    assert first.end_offset == second.end_offset
    assert first.digest == Digest.of_bytes(big)
    assert second.size == second.mode == 0
    for start, end, entry in (
        (first.offset, second.offset, first),
        (second.offset, second.end_offset, second),
    ):
        frame = content[start:end]
        data = big[entry.chunk_offset : entry.chunk_offset + entry.chunk_size]
        assert zstandard.ZstdDecompressor().decompress(frame) == data
        assert zstandard.get_frame_parameters(frame).content_size == len(data)
        assert entry.chunk_digest == Digest.of_bytes(data)


def test_the_tar_is_made_again_from_tar_split_and_files(sample, pack):
    blob, content = pack(sample)
    footer = parse_footer(content[-64:])
    split = footer.tar_split
    compressed = content[split.offset : split.offset + split.size]
    toc = read_toc(io.BytesIO(content))
    assert toc.tar_split_digest == Digest.of_bytes(compressed)
    text = decompressed(compressed)
    assert len(text) == split.uncompressed_size
    hasher = hashlib.sha256()
    names = []
    for position, line in enumerate(text.splitlines()):
        item = json.loads(line)
        assert item["position"] == position
        if item["type"] == 2:
            hasher.update(base64.b64decode(item["payload"]))
        else:
            names.append(item["name"])
            if item["payload"] is not None:
                data = (sample / item["name"].removeprefix("app/")).read_bytes()
                assert item["size"] == len(data)
                checksum = crc64.go_iso(data).to_bytes(8, "big")
                assert base64.b64decode(item["payload"]) == checksum
                hasher.update(data)
    assert Digest.from_hex(hasher.hexdigest()) == blob.diff_id
    assert names == [entry.name for entry in toc.entries if entry.type != "chunk"]


def test_gzip_holds_the_same_tar(sample, pack):
    blob, content = pack(sample, compression="gzip", level=6)
    assert blob.media_type == MEDIA_TYPE_TAR_GZIP
    assert blob.annotations == {}
    assert blob.diff_id == pack(sample)[0].diff_id
    assert blob == pack(sample, compression="gzip", level=6, threads=1)[0]
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        assert len(archive.getmembers()) == blob.file_count


def test_the_output_may_be_a_pipe(sample, pack):
    expected, content = pack(sample)
    read_end, write_end = os.pipe()
    received = []

    def receive():
        with os.fdopen(read_end, "rb") as stream:
            received.append(stream.read())

    reader = threading.Thread(target=receive)
    reader.start()
    with os.fdopen(write_end, "wb", buffering=0) as stream:
        blob = pack_tree(sample, "app", stream)
    reader.join()
    assert (blob, received) == (expected, [content])


def test_progress_adds_up_to_the_tar_s_size(sample, pack):
    amounts = []
    blob, _ = pack(sample, on_progress=amounts.append)
    assert sum(amounts) == blob.uncompressed_size


def failure(tree, pack, target="app", **options) -> str:
    with pytest.raises(BuildError) as caught:
        pack(tree, target, **options)
    return str(caught.value)


@pytest.mark.parametrize("target", ["", "..", "a/b", "/a"])
def test_the_install_target_is_one_folder_name(sample, pack, target):
    assert failure(sample, pack, target) == (
        f"A layer's install target must be one plain folder name.\n  found: {target!r}"
    )


def test_links_that_no_puller_accepts_are_refused(sample, pack):
    (sample / "lib" / "up").symlink_to("../../../x")
    assert failure(sample, pack) == (
        "A symbolic link in a layer tree cannot be moved with its layer: "
        "the target lies above the folder that holds the layers.\n"
        "  where: app/lib/up\n"
        "  found: ../../../x\n"
        "  expected: a relative path to this layer or one beside it, .. only at its start"
    )


def test_pipes_are_refused(sample, pack):
    os.mkfifo(sample / "pipe")
    assert failure(sample, pack) == (
        "A layer tree holds something that is no file, folder or symbolic link.\n"
        "  where: app/pipe\n"
        "  found: file type 'p'\n"
        "  hint: remove it from the tree before the layer is packed"
    )


def test_sockets_are_refused(sample, pack, monkeypatch):
    monkeypatch.chdir(sample)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert "found: file type 's'" in failure(sample, pack)


def test_names_that_are_not_utf_8_are_refused(sample, pack):
    (sample / os.fsdecode(b"\xff")).touch()
    assert failure(sample, pack) == (
        "A name in a layer tree is not UTF-8.\n"
        "  found: 'app/\\udcff'\n"
        "  hint: rename the file, or leave out the package that brings it"
    )


def test_a_missing_tree_is_told(tmp_path, pack):
    assert failure(tmp_path / "none", pack) == (
        "A part of a layer tree cannot be read.\n  where: app/\n  found: No such file or directory"
    )


@pytest.mark.parametrize(("size", "found"), [(5, "fewer bytes"), (50, "more bytes")])
def test_a_file_that_changed_since_it_was_listed_is_told(tmp_path, size, found):
    path = tmp_path / "last"
    path.write_bytes(bytes(size))
    entry = Entry(name="app/last", kind="reg", mode=0o644, size=10, path=str(path))
    (batch,) = gather_batches(cut_entries([entry]))
    with pytest.raises(BuildError) as caught:
        BatchReader(1 << 12).read(batch)
    assert str(caught.value) == (
        "A file of a layer tree changed while it was packed.\n"
        "  where: app/last\n"
        f"  found: {found}\n"
        "  expected: 10 bytes\n"
        "  hint: pack again when nothing writes into the tree"
    )


@pytest.mark.parametrize(
    ("compression", "level", "expected"),
    [("zstd", 0, "1 to 22"), ("zstd", 23, "1 to 22"), ("gzip", 10, "1 to 9")],
)
def test_levels_that_do_not_exist_are_told(sample, pack, compression, level, expected):
    with pytest.raises(UsageError) as caught:
        pack(sample, compression=compression, level=level)
    assert str(caught.value) == (
        f"{compression} has no such compression level.\n  found: {level}\n  expected: {expected}"
    )
