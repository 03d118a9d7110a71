"""What holds for every tree and every archive."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.names import name_fault, symlink_fault
from ocistacks.blob.pack import pack_tree
from ocistacks.blob.tar_header import encode_header
from ocistacks.blob.toc import read_toc
from ocistacks.blob.tree_walk import Entry
from ocistacks.blob.unpack import unpack_blob
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError
from ocistacks.registry.model import Descriptor
from ocistacks.registry.source import verified_chunks

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60
).filter(lambda name: name not in {".", ".."})
CONTENTS = st.binary(max_size=2000) | st.integers(0, 3000).map(bytes)
FILES = st.tuples(CONTENTS, st.booleans())
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=4),
    lambda inner: st.dictionaries(NAMES, FILES | inner, max_size=4),
    max_leaves=12,
)


@contextmanager
def scratch():
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write(tree, content):
    tree.mkdir()
    for name, item in content.items():
        if isinstance(item, dict):
            write(tree / name, item)
        else:
            (tree / name).write_bytes(item[0])
            (tree / name).chmod(0o755 if item[1] else 0o644)


def read(tree):
    return {
        path.name: read(path)
        if path.is_dir()
        else (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in tree.iterdir()
    }


@settings(max_examples=60, deadline=None)
@given(TREES, st.sampled_from(["zstd", "gzip"]), st.integers(1, 5), st.integers(1, 5000))
def test_what_was_packed_is_unpacked(content, compression, threads, step):
    with scratch() as folder:
        write(folder / "tree", content)
        output = io.BytesIO()
        blob = pack_tree(folder / "tree", "app", output, compression=compression, threads=threads)
        packed = output.getvalue()
        (folder / "out").mkdir()
        unpacked = unpack_blob(
            (packed[at : at + step] for at in range(0, len(packed), step)),
            folder / "out",
            media_type=blob.media_type,
            maximum_size=blob.uncompressed_size,
            with_diff_id=True,
        )
        assert read(folder / "out" / "app") == content
        assert unpacked.diff_id == blob.diff_id
        assert unpacked.file_count == blob.file_count


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_the_table_of_contents_is_that_of_the_tar(content):
    with scratch() as folder:
        write(folder / "tree", content)
        output = io.BytesIO()
        blob = pack_tree(folder / "tree", "app", output)
    reader = zstandard.ZstdDecompressor().stream_reader(output.getvalue(), read_across_frames=True)
    with tarfile.open(fileobj=io.BytesIO(reader.read())) as archive:
        members = [
            (
                member.name + ("/" if member.isdir() else ""),
                member.mode,
                member.size,
                Digest.of_bytes(archive.extractfile(member).read()) if member.size else None,
            )
            for member in archive
        ]
    checksum = blob.annotations["io.github.containers.zstd-chunked.manifest-checksum"]
    toc = read_toc(output, checksum=Digest(checksum))
    assert [(e.name, e.mode, e.size, e.digest) for e in toc.entries] == members


LONG_NAMES = st.lists(NAMES, min_size=1, max_size=12).map("/".join)


@given(LONG_NAMES, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300))
def test_every_header_is_read_back_by_the_standard_library(name, target):
    entry = Entry(name=name, kind="symlink", mode=0o777, link_name=target)
    with tarfile.open(fileobj=io.BytesIO(encode_header(entry) + bytes(1024))) as archive:
        (member,) = archive.getmembers()
    assert (member.name, member.linkname) == (name.rstrip("/"), target)


PARTS = st.sampled_from(["a", "b", "..", ".", "", "app", "etc"])
PATHS = st.lists(PARTS, min_size=1, max_size=6).map("/".join)


@given(PATHS, PATHS)
def test_a_link_that_is_accepted_stays_beside_its_layer(name, target):
    if name_fault(name) or symlink_fault(name, target):
        return
    resolved = os.path.normpath(PurePosixPath("/layers", name).parent / target)
    assert resolved.startswith("/layers/")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_of_a_damaged_blob_nothing_is_unpacked(data):
    compression = data.draw(st.sampled_from(["zstd", "gzip"]))
    with scratch() as folder:
        write(folder / "tree", {"a": (b"content" * 50, False), "b": {"c": (b"x", True)}})
        output = io.BytesIO()
        blob = pack_tree(folder / "tree", "app", output, compression=compression)
        damaged = bytearray(output.getvalue())
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] ^= data.draw(st.integers(1, 255))
        destination = folder / "out"
        destination.mkdir()
        descriptor = Descriptor(media_type=blob.media_type, digest=blob.digest, size=blob.size)
        with pytest.raises((DigestError, UnsafeContentError)):
            unpack_blob(
                verified_chunks([bytes(damaged)], descriptor, "here"),
                destination,
                media_type=blob.media_type,
                maximum_size=1 << 20,
            )
        assert list(destination.iterdir()) == []
        assert {path.name for path in folder.iterdir()} == {"tree", "out"}


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=3000),
    st.sampled_from([MEDIA_TYPE_TAR_ZSTD, MEDIA_TYPE_TAR_GZIP]),
    st.booleans(),
)
def test_noise_is_refused(noise, media_type, compress):
    content = zstandard.compress(noise) if compress else noise
    with scratch() as folder:
        try:
            unpack_blob([content], folder, media_type=media_type, maximum_size=1 << 20)
        except UnsafeContentError:
            assert list(folder.iterdir()) == []
        else:
            raise AssertionError(noise)
