"""`ocistacks diff` on two versions of a stack whose blobs nobody reads as a whole."""

from __future__ import annotations

import json
import os

import pytest
import zstandard

from ocistacks.blob.pack import pack_tree
from ocistacks.blob.toc import POSITION_KEYS, read_toc
from ocistacks.digests import Digest
from ocistacks.oci.assemble import layer_artifact, stack_index
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.toc_diff import extents
from ocistacks.oci.transfer import copy_objects
from ocistacks.platforms import Platform

PACKAGES = "lib/python3.13/site-packages"
LARGE = os.urandom(9 << 20)
SHARED = os.urandom(50_000)


@pytest.fixture
def pack(tmp_path, store):
    """Pack files as a layer into the store."""

    def make(name, files, *, version=1, compression="zstd"):
        target = f"{name}@{version}"
        tree = tmp_path / "trees" / os.urandom(4).hex()
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        with store.new_blob() as temporary:
            with temporary.open("wb") as stream:
                blob = pack_tree(tree, target, stream, compression=compression)
            store.adopt(temporary, blob.digest)
        description = LayerDescription(
            name=name,
            kind="framework",
            install_target=target,
            lock_hash=Digest.of_bytes(b"lock"),
            input_digest=blob.diff_id,
            lock_version=version,
            requires=(),
            platform=Platform.LINUX_X86_64,
            archive_name=f"{target}.tar.zst",
        )
        return Layer(description=description, blob=blob)

    return make


@pytest.fixture
def put(store, reporter):
    """Write a stack of layers into a repository or layout."""

    def write(sink, layers, tag):
        artifacts = [layer_artifact(layer.description, layer.blob) for layer in layers]
        index = stack_index([artifact.descriptor for artifact in artifacts])
        source = AssembledSource(artifacts, (index,), store=store)
        copy_objects(source, sink, index.descriptor, tag=tag, reporter=reporter)
        return artifacts

    return write


def package(name, version, files):
    return {
        f"{PACKAGES}/{name}-{version}.dist-info/METADATA": f"{name} {version}".encode(),
        **{f"{PACKAGES}/{name}/{path}": content for path, content in files.items()},
    }


OLD = {
    **package("scikit_learn", "1.5.0", {"a.py": b"old a" * 100, "same.py": b"same" * 100}),
    **package("gone", "2.0", {"b.py": b"gone"}),
    **package("holder", "1", {"_vendor/inner-1.0.dist-info/METADATA": b"inner", "s.bin": SHARED}),
    f"{PACKAGES}/large.bin": LARGE,
}
CHANGED_CHUNK = bytes(4 << 20)
NEW = {
    **package("scikit_learn", "1.5.1", {"a.py": b"new a" * 100, "same.py": b"same" * 100}),
    **package("fresh", "3.0", {"c.bin": SHARED}),
    **package("holder", "1", {"_vendor/inner-2.0.dist-info/METADATA": b"inner", "s.bin": SHARED}),
    f"{PACKAGES}/large.bin": LARGE[: 4 << 20] + CHANGED_CHUNK + LARGE[8 << 20 :],
}


@pytest.fixture
def two(pack, put, repository, registry, repository_name):
    """Two versions in a registry: a layer that stays, one that changes, one that goes, one new."""
    stays = pack("framework-stays", {"file": b"stays"})
    old, new = pack("framework-x", OLD), pack("framework-x", NEW, version=2)
    goes = pack("framework-goes", {"file": b"goes"})
    comes = pack("framework-comes", {"file": b"comes", "old": SHARED})
    put(repository, (stays, old, goes), "one")
    put(repository, (stays, new, comes), "two")
    name = f"{registry}/{repository_name}"
    return f"{name}:one", f"{name}:two", {"new": new, "comes": comes, "stays": stays}


PLATFORM = ("--platform", "linux_x86_64")


def frames(store, layer):
    """Return the compressed size of each file or chunk, by the digest of what it gives."""
    content = store.blob_path(layer.blob.digest).read_bytes()
    with store.blob_path(layer.blob.digest).open("rb") as stream:
        toc = read_toc(stream)
    sizes = {}
    for entry in toc.entries:
        if entry.type in {"reg", "chunk"} and entry.offset:
            frame = content[entry.offset :]
            plain = zstandard.ZstdDecompressor().decompressobj()
            data = plain.decompress(frame)
            sizes[Digest.of_bytes(data)] = len(frame) - len(plain.unused_data)
    return sizes


def table_size(layer):
    return int(layer.blob.annotations[POSITION_KEYS[0]].split(":")[1])


def test_layers_packages_files_and_bytes(two, command, store):
    one, other, layers = two
    told = json.loads(command("diff", one, other, *PLATFORM, "--json", "--files"))
    assert {layer["name"]: layer["status"] for layer in told["layers"]} == {
        "framework-stays": "same",
        "framework-x": "changed",
        "framework-comes": "added",
        "framework-goes": "removed",
    }
    changed = next(layer for layer in told["layers"] if layer["name"] == "framework-x")
    assert changed["packages"] == [
        {"name": "fresh", "from": None, "to": "3.0"},
        {"name": "gone", "from": "2.0", "to": None},
        {"name": "scikit-learn", "from": "1.5.0", "to": "1.5.1"},
    ]
    vendored = f"{PACKAGES}/holder/_vendor"
    assert changed["files"] == {
        "added": [
            f"{PACKAGES}/fresh-3.0.dist-info/METADATA",
            f"{PACKAGES}/fresh/c.bin",
            f"{vendored}/inner-2.0.dist-info/METADATA",
            f"{PACKAGES}/scikit_learn-1.5.1.dist-info/METADATA",
        ],
        "removed": [
            f"{PACKAGES}/gone-2.0.dist-info/METADATA",
            f"{PACKAGES}/gone/b.py",
            f"{vendored}/inner-1.0.dist-info/METADATA",
            f"{PACKAGES}/scikit_learn-1.5.0.dist-info/METADATA",
        ],
        "changed": [f"{PACKAGES}/large.bin", f"{PACKAGES}/scikit_learn/a.py"],
    }
    sizes = frames(store, layers["new"])
    fetched = (
        b"new a" * 100,
        b"scikit_learn 1.5.1",
        b"fresh 3.0",
        CHANGED_CHUNK,
    )
    expected = table_size(layers["new"]) + sum(
        sizes[Digest.of_bytes(content)] for content in fetched
    )
    assert changed["fetch_bytes"] == expected
    comes = next(layer for layer in told["layers"] if layer["name"] == "framework-comes")
    sizes = frames(store, layers["comes"])
    assert comes["fetch_bytes"] == table_size(layers["comes"]) + sizes[Digest.of_bytes(b"comes")]
    assert told["fetch_bytes"] == changed["fetch_bytes"] + comes["fetch_bytes"]
    assert told["bytes"] == sum(layer.blob.size for layer in layers.values())


def test_the_table(two, command):
    one, other, _layers = two
    told = command("diff", one, other, *PLATFORM)
    rows = {line.split()[0]: line for line in told.splitlines()}
    assert rows["framework-x"].endswith("4 added, 4 removed, 2 changed")
    assert "framework-x: scikit-learn 1.5.0 -> 1.5.1\n" in told
    assert "framework-x: gone 2.0 -> (none)\n" in told
    assert "framework-x: fresh (none) -> 3.0\n" in told
    assert "large.bin" not in told
    assert told.splitlines()[-1].startswith("who holds the first fetches ")
    named = command("diff", one, other, *PLATFORM, "--files")
    assert f"framework-x: ~ {PACKAGES}/large.bin\n" in named
    assert f"framework-x: + {PACKAGES}/fresh/c.bin\n" in named


def test_counts_alone_without_files(two, command):
    one, other, _layers = two
    told = json.loads(command("diff", one, other, *PLATFORM, "--json"))
    changed = next(layer for layer in told["layers"] if layer["name"] == "framework-x")
    assert changed["files"] == {"added": 4, "removed": 4, "changed": 2}


def test_a_stack_and_itself(two, command):
    one, _other, _layers = two
    told = json.loads(command("diff", one, one, *PLATFORM, "--json"))
    assert {layer["status"] for layer in told["layers"]} == {"same"}
    assert told["fetch_bytes"] == 0


def test_no_more_of_a_blob_is_read_than_its_table(pack, put, tmp_path, command):
    layout = ImageLayout.create(tmp_path / "layout")
    layers = {"one": pack("framework-x", OLD), "two": pack("framework-x", NEW, version=2)}
    for tag, layer in layers.items():
        put(layout, (layer,), tag)
    name = f"oci:{tmp_path / 'layout'}"
    expected = command("diff", f"{name}:one", f"{name}:two", *PLATFORM, "--json")
    for layer in layers.values():
        path = layout.blob_path(layer.blob.digest)
        content = path.read_bytes()
        start = int(layer.blob.annotations[POSITION_KEYS[0]].split(":")[0])
        end = start + table_size(layer)
        path.unlink()
        path.write_bytes(bytes(start) + content[start:end] + bytes(len(content) - end))
    assert command("diff", f"{name}:one", f"{name}:two", *PLATFORM, "--json") == expected


def test_gzip_has_no_table_and_is_fetched_as_a_whole(
    pack, put, repository, registry, repository_name, command
):
    old = pack("framework-x", OLD, compression="gzip")
    new = pack("framework-x", NEW, compression="gzip")
    put(repository, (old,), "one")
    put(repository, (new,), "two")
    name = f"{registry}/{repository_name}"
    told = json.loads(command("diff", f"{name}:one", f"{name}:two", *PLATFORM, "--json"))
    [layer] = told["layers"]
    assert (layer["packages"], layer["files"]) == (None, None)
    assert layer["fetch_bytes"] == told["bytes"] == new.blob.size
    table = command("diff", f"{name}:one", f"{name}:two", *PLATFORM)
    assert "unknown: no table of contents" in table


def test_two_layers_alone(pack, put, repository, registry, repository_name, command):
    old, new = pack("framework-x", OLD), pack("framework-x", NEW, version=2)
    [one] = put(repository, (old,), "one")
    [two] = put(repository, (new,), "two")
    name = f"{registry}/{repository_name}"
    told = json.loads(
        command(
            *("diff", f"{name}@{one.descriptor.digest}", f"{name}@{two.descriptor.digest}"),
            *(*PLATFORM, "--json"),
        )
    )
    assert [layer["status"] for layer in told["layers"]] == ["changed"]


def test_a_platform_that_there_are_no_layers_for(two, command):
    one, other, _layers = two
    assert command("diff", one, other, "--platform", "win_amd64", code=6) == (
        "error: There are no layers for the platform to compare.\n"
        f"  where: {one}\n"
        "  expected: a stack or a layer for win_amd64\n"
    )


def test_every_extent_is_the_frame_of_its_content(pack, store):
    layer = pack("framework-x", OLD)
    path = store.blob_path(layer.blob.digest)
    content = path.read_bytes()
    with path.open("rb") as stream:
        toc = read_toc(stream)
    offsets = {
        entry.chunk_digest or entry.digest: entry.offset
        for entry in toc.entries
        if entry.type in {"reg", "chunk"}
    }
    found = list(extents(toc))
    assert len(found) == len(OLD) + 2  # the large file has three chunks
    for extent in found:
        frame = content[offsets[extent.chunk] :][: extent.size]
        plain = zstandard.ZstdDecompressor().decompressobj()
        assert Digest.of_bytes(plain.decompress(frame)) == extent.chunk
        assert plain.eof
        assert plain.unused_data == b""
