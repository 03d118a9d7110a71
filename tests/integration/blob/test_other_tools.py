"""What other tools make of a blob."""

from __future__ import annotations

import subprocess

import pytest

from ocistacks.blob.unpack import unpack_blob


def run(*command, **options):
    return subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, **options
    ).stdout


def layer_path(layout):
    return layout.path / "blobs" / "sha256" / layout.blob.digest.hex


@pytest.mark.parametrize(("compression", "tool"), [("zstd", "zstd"), ("gzip", "gzip")])
def test_tar_and_its_compressors_read_it(tree, make_layout, describe, tmp_path, compression, tool):
    layout = make_layout(tree, compression=compression)
    target = tmp_path / "out"
    target.mkdir()
    tar = run(tool, "-dc", layer_path(layout))
    run("tar", "-x", "--same-permissions", "-C", target, input=tar)
    assert describe(target / "app") == describe(tree)
    names = run("tar", "-t", input=tar).decode().splitlines()
    assert len(names) == layout.blob.file_count
    run(tool, "-t", layer_path(layout))


@pytest.mark.parametrize("tar_format", ["gnu", "pax"])
@pytest.mark.parametrize("compressor", ["zstd -19 --long=27", "gzip -9", "zstd -1 --check -T2"])
def test_archives_of_tar_and_its_compressors_are_unpacked(
    tree, describe, tmp_path, tar_format, compressor
):
    tree.rename(tree.parent / "app")
    command = f"tar -C {tree.parent} --format={tar_format} -c app | {compressor}"
    content = run("sh", "-c", command)
    target = tmp_path / "out"
    target.mkdir()
    name = compressor.split()[0]
    unpack_blob(
        [content],
        target,
        media_type=f"application/vnd.oci.image.layer.v1.tar+{name}",
        maximum_size=100 << 20,
    )
    assert describe(target / "app") == describe(tree.parent / "app")


def test_umoci_unpacks_a_gzip_layer(tree, make_layout, describe, tmp_path):
    layout = make_layout(tree, compression="gzip")
    bundle = tmp_path / "bundle"
    run("umoci", "unpack", "--image", f"{layout.path}:latest", bundle)
    assert describe(bundle / "rootfs" / "app") == describe(tree)


@pytest.fixture
def push(registry, tmp_path):
    """Push a layout to a repository of this test; gives the image's name without its host."""

    def pushed(layout, tag):
        image = f"{tmp_path.name.lower()}:{tag}"
        target = f"docker://{registry}/{image}"
        run("skopeo", "copy", "--dest-tls-verify=false", f"oci:{layout.path}:latest", target)
        return image

    return pushed


def test_skopeo_copies_it_through_a_registry_unchanged(tree, make_layout, registry, push, tmp_path):
    layout = make_layout(tree)
    source = f"docker://{registry}/{push(layout, '1')}"
    run("skopeo", "copy", "--src-tls-verify=false", source, f"oci:{tmp_path / 'copy'}:latest")
    copied = tmp_path / "copy" / "blobs" / "sha256" / layout.blob.digest.hex
    assert copied.read_bytes() == layer_path(layout).read_bytes()


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_podman_pulls_the_tree(
    tree, make_layout, describe, registry, push, podman, tmp_path, compression
):
    layout = make_layout(tree, compression=compression)
    image = f"{registry}/{push(layout, '1')}"
    podman("pull", "--quiet", "--tls-verify=false", image)
    assert describe(podman.export(image, tmp_path / "out") / "app") == describe(tree)


def test_podman_fetches_only_what_changed(
    tree, make_layout, describe, counter, push, podman, tmp_path
):
    first = make_layout(tree, "first")
    image = f"{counter.address}/{push(first, '1')}"
    podman("pull", "--quiet", "--tls-verify=false", image)
    # A first pull needs everything; it asks for the chunks of the large file one by one.
    assert counter.received > first.blob.size * 0.9
    (tree / "lib" / "m50.py").write_text("changed\n")
    (tree / "lib" / "new.py").write_text("new\n")
    second = make_layout(tree, "second")
    image = f"{counter.address}/{push(second, '2')}"
    counter.received = 0
    podman("pull", "--quiet", "--tls-verify=false", image)
    assert 0 < counter.received < 30_000 < second.blob.size / 100
    assert describe(podman.export(image, tmp_path / "out") / "app") == describe(tree)
