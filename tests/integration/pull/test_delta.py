"""Pulling what the store lacks, and nothing else."""

import hashlib
import os
import struct
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TransferError, UnsafeContentError
from ocistacks.registry.errors import RangeRefusedError, TemporaryError
from ocistacks.registry.model import Descriptor
from ocistacks.store.store import Store

# Bytes: tables of contents and the headers between files.
SMALL = 40_000


class Source:
    """A source that counts what it gives, and can refuse parts or break off."""

    def __init__(self, repository, *, ranges=True, parts_before_cut=None):
        self.repository = repository
        self.ranges = ranges
        self.left = parts_before_cut
        self.whole = 0
        self.parts = 0

    def describe(self, descriptor):
        return self.repository.describe(descriptor)

    def open_blob(self, descriptor):
        self.whole += descriptor.size
        return self.repository.open_blob(descriptor)

    def open_part(self, descriptor, start, size):
        self.take(size)
        return self.repository.open_part(descriptor, start, size)

    @contextmanager
    def open_parts(self, descriptor, places):
        def counted(parts):
            for (_start, size), part in zip(places, parts, strict=True):
                self.take(size)
                yield part

        with self.repository.open_parts(descriptor, places) as parts:
            yield counted(parts)

    def take(self, size):
        if not self.ranges:
            message = "no ranges here"
            raise RangeRefusedError(message)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                message = "the connection broke"
                raise TransferError(message)
        self.parts += size


@pytest.fixture
def source(repository):
    return Source(repository)


def test_a_new_version_of_one_package(tree, pack, push, pull, source, contents):
    old = push(pack(tree))
    changed = os.urandom(400_000)
    (tree / "beta" / "library.so").write_bytes(changed)
    (tree / "beta" / "module3.py").unlink()
    (tree / "beta" / "module_new.py").write_text("new")
    new = push(pack(tree))

    first = pull(old, source)
    assert source.whole == old.descriptor.size
    assert first.fetched == old.descriptor.size
    second = pull(new, source)

    assert contents(second.path) == contents(tree)
    assert source.whole == old.descriptor.size
    assert len(changed) < second.fetched < len(changed) + SMALL
    assert second.fetched == source.parts
    assert second.fetched + second.reused == new.descriptor.size


def test_files_are_shared_by_all_trees(tree, pack, push, pull):
    old = pull(push(pack(tree)))
    (tree / "large").write_bytes(b"small now")
    new = pull(push(pack(tree)))

    for name in ("alpha/library.so", "beta/module1.py", "bin/run"):
        assert (old.path / name).samefile(new.path / name)
    assert (new.path / "alpha" / "library.so").stat().st_mode & 0o777 == 0o444
    assert (new.path / "bin" / "run").stat().st_mode & 0o777 == 0o555
    assert (new.path / "alpha" / "__init__.py").stat().st_mode & 0o777 == 0o444


def test_files_of_another_layer_under_other_names(tree, pack, push, pull, source, contents):
    pull(push(pack(tree)), source)
    (tree / "alpha").rename(tree / "renamed")
    (tree / "renamed" / "module1.py").chmod(0o755)
    layer = push(pack(tree, "app-other"))

    tree_of_links = pull(layer, source, target="app-other")

    assert contents(tree_of_links.path) == contents(tree)
    assert tree_of_links.fetched < SMALL  # the table of contents


def test_a_layer_that_has_little_in_common_is_one_stream(tree, pack, push, pull, source):
    pull(push(pack(tree)), source)
    for path in (tree / "large", *tree.rglob("library.so")):
        path.write_bytes(os.urandom(path.stat().st_size))
    layer = push(pack(tree))
    source.whole = 0

    pulled = pull(layer, source)

    assert source.whole == layer.descriptor.size
    assert pulled.fetched == source.parts + source.whole
    assert source.parts < SMALL


def test_a_server_without_ranges(tree, pack, push, pull, repository, contents):
    source = Source(repository, ranges=False)
    pull(push(pack(tree)), source)
    (tree / "alpha" / "module1.py").write_text("changed")
    layer = push(pack(tree))

    assert pull(layer, source).fetched == layer.descriptor.size
    assert contents(pull(layer, source).path) == contents(tree)


def test_a_gzip_layer_shares_its_files(tree, pack, push, pull, contents):
    zstd = pull(push(pack(tree)))
    gzip = pull(push(pack(tree, compression="gzip")))

    assert contents(gzip.path) == contents(tree)
    assert (zstd.path / "large").samefile(gzip.path / "large")


def test_what_came_before_a_cut_is_not_fetched_again(
    tree, pack, push, pull, repository, store, contents
):
    pull(push(pack(tree)))
    for name in ("alpha/library.so", "zeta.so"):  # with the large file between them
        (tree / name).write_bytes(os.urandom(400_000))
    layer = push(pack(tree))
    cut = Source(repository, parts_before_cut=2)  # the table, and one of the two

    with pytest.raises(TransferError):
        pull(layer, cut)
    assert not store.tree_path(layer.descriptor.digest).exists()
    again = Source(repository)
    pulled = pull(layer, again)

    assert contents(pulled.path) == contents(tree)
    assert again.parts < 400_000 + SMALL
    assert again.whole == 0


def test_after_a_cut_the_same_run_asks_for_the_rest(
    tree, pack, push, pull, repository, contents, monkeypatch
):
    monkeypatch.setattr("ocistacks.registry.retry.PAUSES_SECONDS", (0.01,))
    pull(push(pack(tree)))
    for name in ("alpha/library.so", "zeta.so"):
        (tree / name).write_bytes(os.urandom(400_000))
    layer = push(pack(tree))

    class Breaking(Source):
        def take(self, size):
            if self.parts > 400_000 and not self.whole:
                self.whole = 1
                message = "the connection broke"
                raise TemporaryError(message)
            super().take(size)

    source = Breaking(repository)
    pulled = pull(layer, source)

    assert contents(pulled.path) == contents(tree)
    assert source.whole == 1
    assert 800_000 < source.parts == pulled.fetched < 800_000 + SMALL


def test_a_file_that_vanishes_from_the_store_is_fetched(
    tree, pack, push, pull, store, source, contents
):
    pull(push(pack(tree)), source)
    library = tree / "alpha" / "library.so"
    library.write_bytes(os.urandom(library.stat().st_size))
    layer = push(pack(tree))
    link = store.files.link
    asked = []

    def link_what_somebody_removes(digest, target, *, executable):
        if target.endswith("alpha/library.so"):
            asked.append(store.files.path(digest, executable=executable))
            if len(asked) == 2:  # after it was fetched, and before it is linked
                Path(asked[0]).unlink()
        return link(digest, target, executable=executable)

    store.files.link = link_what_somebody_removes
    pulled = pull(layer, source)

    assert len(asked) == 3
    assert contents(pulled.path) == contents(tree)
    size = 2 * library.stat().st_size
    assert size < pulled.fetched < size + SMALL


def edited(layer, tmp_path, old, new):
    """Change the table of contents of a layer's blob, as a liar would: all digests are right."""
    content = layer.path.read_bytes()
    key = "io.github.containers.zstd-chunked.manifest-position"
    offset, size, _uncompressed, _type = map(int, layer.descriptor.annotations[key].split(":"))
    reader = zstandard.ZstdDecompressor().stream_reader(content[offset : offset + size])
    text = reader.read().replace(old, new)
    table = zstandard.ZstdCompressor().compress(text)
    frames = content[: offset - 8] + b"\x50\x2a\x4d\x18" + struct.pack("<I", len(table)) + table
    checksum = "sha256:" + hashlib.sha256(table).hexdigest()
    annotations = {
        name: f"{offset}:{len(table)}:{len(text)}:1"
        if name.endswith("manifest-position")
        else checksum
        if name.endswith("manifest-checksum")
        else value
        for name, value in layer.descriptor.annotations.items()
    }
    path = tmp_path / "edited"
    path.write_bytes(frames)
    descriptor = Descriptor(
        media_type=layer.descriptor.media_type,
        digest=Digest.of_bytes(frames),
        size=len(frames),
        annotations=annotations,
    )
    return type(layer)(descriptor=descriptor, diff_id=layer.diff_id, path=path)


def test_a_table_that_disagrees_with_the_tar(tree, pack, push, pull, store, tmp_path):
    liar = push(edited(pack(tree), tmp_path, b"module7.py", b"module7.pY"))

    with pytest.raises(UnsafeContentError, match="lists other files than its tar holds"):
        pull(liar)

    assert not store.tree_path(liar.descriptor.digest).exists()
    assert not [path for path in (store.root / "files").rglob("*") if path.is_file()]
    assert not list((store.root / "temporary").iterdir())


def test_a_file_that_is_not_what_the_table_says(tree, pack, push, pull, store, tmp_path):
    pull(push(pack(tree)))
    (tree / "alpha" / "module1.py").write_text("true")
    promised = hashlib.sha256(b"true").hexdigest().encode()
    liar = push(edited(pack(tree), tmp_path, promised, b"0" * 64))

    with pytest.raises(DigestError) as error:
        pull(liar)

    assert str(error.value) == (
        "A file of a layer is not what the layer's table of contents promises.\n"
        f"  where: framework-x/alpha/module1.py in {liar.descriptor.digest}\n"
        f"  found: sha256:{promised.decode()}, 4 bytes\n"
        f"  expected: sha256:{'0' * 64}, 4 bytes\n"
        "  hint: try again; if it stays so, push the stack again"
    )
    assert not store.tree_path(liar.descriptor.digest).exists()
    assert not store.files.has("0" * 64, executable=False)


def test_a_table_that_is_not_the_promised_one(tree, pack, push, pull, tmp_path):
    pull(push(pack(tree)))
    (tree / "alpha" / "module1.py").write_text("changed")
    layer = push(edited(pack(tree), tmp_path, b"module7.py", b"module7.pY"))
    honest = pack(tree).descriptor.annotations
    checksums = {key: value for key, value in honest.items() if key.endswith("checksum")}
    descriptor = layer.descriptor.model_copy(
        update={"annotations": {**layer.descriptor.annotations, **checksums}}
    )

    with pytest.raises(DigestError, match="table of contents is not the one"):
        pull(type(layer)(descriptor=descriptor, diff_id=layer.diff_id, path=layer.path))


def test_two_stores_make_the_same_tree(tree, pack, push, pull, tmp_path, contents):
    pull(push(pack(tree)))
    (tree / "gamma" / "library.so").write_bytes(os.urandom(400_000))
    layer = push(pack(tree))
    other = Store(tmp_path / "other")

    by_files, by_stream = pull(layer), pull(layer, into=other)

    assert by_files.reused
    assert not by_stream.reused
    assert contents(by_files.path) == contents(by_stream.path)
    modes = [
        sorted((path.name, path.lstat().st_mode) for path in each.path.rglob("*"))
        for each in (by_files, by_stream)
    ]
    assert modes[0] == modes[1]
