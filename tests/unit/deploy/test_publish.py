"""What is published: names, metadata as venvstacks writes it, formats, and what is refused."""

import io
import json
import lzma
import tarfile
import zipfile

import pytest

from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.deploy.publish import publishing_request
from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.lock.module_hash import module_hash
from ocistacks.oci.assemble_stack import assemble_stack
from ocistacks.platforms import Platform

NAMES = ["cpython-3.13", "framework-base", "framework-above", "app-demo", "app-plain"]
BLOB = PublishOptions()
XZ = PublishOptions(archive_format=ArchiveFormat.TAR_XZ)
ZIP = PublishOptions(archive_format=ArchiveFormat.ZIP)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_files_have_venvstacks_names(shop, publish, combined):
    published = publish(shop.built(shop.plans(shop.stack(), lock_version=2)))
    assert [archive.path.name for archive in published] == [
        "cpython-3.13.tar.zst",
        "framework-base.tar.zst",
        "framework-above@2.tar.zst",
        "app-demo.tar.zst",
        "app-plain.tar.zst",
    ]
    assert files(shop.output / "__venvstacks__") == sorted(
        ["venvstacks.json", *(f"env_metadata/{name}.json" for name in NAMES)]
    )
    for archive in published:
        assert archive.path.samefile(shop.store.blob_path(archive.built.blob.digest))
        path = (
            shop.output / "__venvstacks__/env_metadata" / f"{archive.metadata['layer_name']}.json"
        )
        assert json.loads(path.read_text()) == archive.metadata
    assert list(combined()) == NAMES


def test_tagged_output_has_platform_and_build_in_its_names(shop, publish, combined):
    stack = shop.stack()
    plans = [*shop.plans(stack), *shop.plans(stack, platform=Platform.LINUX_AARCH64)]
    published = publish(shop.built(plans), PublishOptions(tag_outputs=True))
    assert [archive.path.name for archive in published if "demo" in archive.path.name] == [
        "app-demo-linux_x86_64-1.tar.zst",
        "app-demo-linux_aarch64-1.tar.zst",
    ]
    assert files(shop.output / "__venvstacks__") == sorted(
        name
        for platform in ("linux_x86_64", "linux_aarch64")
        for name in (
            f"venvstacks-{platform}.json",
            *(f"env_metadata/{layer}-{platform}.json" for layer in NAMES),
        )
    )
    for platform in ("linux_x86_64", "linux_aarch64"):
        found = combined(f"-{platform}")
        assert list(found) == NAMES
        assert {layer["target_platform"] for layer in found.values()} == {platform}


def test_the_metadata_has_venvstacks_keys_and_ours_apart(shop, publish, combined):
    options = PublishOptions(archive_format=ArchiveFormat.TAR_XZ, artifacts_in="oci:oci")
    published = publish(shop.built(shop.plans(shop.stack(), lock_version=3)), options)
    metadata = combined()
    archive = shop.output / "app-demo.tar.xz"
    layer = next(each.built for each in published if each.path == archive)
    objects = assemble_stack([each.built for each in published], {}, tag="latest")
    tag = f"input-{layer.plan.input_digest.hex}"
    assert metadata["app-demo"] == {
        "layer_name": "app-demo",
        "install_target": "app-demo",
        "requirements_hash": Digest.of_bytes(b""),
        "lock_version": 1,
        "locked_at": "2025-01-01T00:00:00+00:00",
        "runtime_layer": "cpython-3.13",
        "python_implementation": "cpython@3.13.5",
        "bound_to_implementation": False,
        "required_layers": ["framework-above@3", "framework-base"],
        "app_launch_module": "demo",
        "app_launch_module_hash": module_hash(shop.folder / "demo.py"),
        "app_support_modules": [{"name": "helper", "hash": module_hash(shop.folder / "helper.py")}],
        "archive_build": 1,
        "archive_name": "app-demo.tar.xz",
        "target_platform": "linux_x86_64",
        "archive_size": archive.stat().st_size,
        "archive_hashes": {"sha256": Digest.of_file(archive).hex},
        "ocistacks": {
            "archive_format": "tar.xz",
            "blob_digest": layer.blob.digest,
            "diff_id": layer.blob.diff_id,
            "input_digest": layer.plan.input_digest,
            "manifest_digest": objects.tags[tag],
            "media_type": "application/vnd.oci.image.layer.v1.tar+zstd",
            "oci_reference": f"oci:oci:{tag}",
            "uncompressed_size": layer.blob.uncompressed_size,
        },
    }
    runtime = metadata["cpython-3.13"]
    assert runtime["runtime_layer"] == "cpython-3.13"
    assert runtime["bound_to_implementation"] is True
    assert "required_layers" not in runtime
    assert metadata["framework-base"]["required_layers"] == []
    assert metadata["framework-above"]["install_target"] == "framework-above@3"
    assert "app_launch_module" not in metadata["framework-above"]
    assert "app_support_modules" not in metadata["app-plain"]


def test_a_layer_bound_to_its_python_says_so(shop, publish):
    text = (
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\nrequirements = []\n'
    )
    text += '[[frameworks]]\nname = "f"\nruntime = "py"\nrequirements = []\n'
    stack = shop.stack(text)
    plans = shop.plans(stack, platform=Platform.WIN_AMD64)
    published = publish(shop.built(plans), ZIP, stack)
    assert [archive.metadata["bound_to_implementation"] for archive in published] == [True, True]


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_other_formats_hold_the_same_tree(shop, publish, compression):
    stack = shop.stack(f'[tool.ocistacks]\ncompression = "{compression}"\n' + shop.text)
    layers = shop.built(shop.plans(stack, names=["app-plain"]))
    (as_xz,) = publish(layers, XZ, stack)
    (as_zip,) = publish(layers, ZIP, stack)
    tar = lzma.decompress(as_xz.path.read_bytes())
    assert Digest.of_bytes(tar) == layers[0].blob.diff_id
    with tarfile.open(fileobj=io.BytesIO(tar)) as members, zipfile.ZipFile(as_zip.path) as archive:
        names = [f"{member.name}/" if member.isdir() else member.name for member in members]
        assert archive.namelist() == names
        content = members.extractfile("app-plain/content").read()
        assert archive.read("app-plain/content") == content
    for published in (as_xz, as_zip):
        assert published.metadata["archive_hashes"]["sha256"] == published.content.digest.hex
        assert Digest.of_file(published.path) == published.content.digest
        assert published.metadata["archive_size"] == published.path.stat().st_size
    (as_it_is,) = publish(layers, BLOB, stack)
    suffix = {"zstd": "tar.zst", "gzip": "tar.gz"}[compression]
    assert as_it_is.path.name == f"app-plain.{suffix}"


def test_platforms_that_would_clash_are_refused_before_anything_is_written(shop, publish):
    stack = shop.stack()
    plans = [*shop.plans(stack), *shop.plans(stack, platform=Platform.LINUX_AARCH64)]
    with pytest.raises(UsageError) as raised:
        publish(shop.built(plans))
    assert str(raised.value) == (
        "Layers of several platforms would be written under the same names.\n"
        "  where: layer cpython-3.13\n"
        "  found: linux_x86_64, linux_aarch64\n"
        "  expected: one platform\n"
        "  hint: publish with --tag-outputs, which writes the platform into the names"
    )
    assert not shop.output.exists()


def test_a_format_that_needs_another_compression_is_refused(shop, publish):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    with pytest.raises(UsageError) as raised:
        publish(layers, PublishOptions(archive_format=ArchiveFormat.TAR_GZ))
    assert str(raised.value) == (
        "The layers are compressed in another way than the archives should be.\n"
        "  where: layer app-plain\n"
        "  found: compression zstd, archive format tar.gz\n"
        "  expected: tar.zst, tar.xz or zip\n"
        "  hint: set compression in [tool.ocistacks] and build again"
    )


def test_a_dry_run_tells_all_but_sizes_and_hashes(shop, publish):
    stack = shop.stack()
    plans = shop.plans(stack)

    def asked(plans, options=XZ):
        request = publishing_request(plans, shop.output, shop.store, options=options)
        kinds = request["layers"]
        return {layer["layer_name"]: layer for kind in kinds.values() for layer in kind}

    before = asked(plans)
    assert not shop.output.exists()
    published = {
        each.metadata["layer_name"]: each.metadata for each in publish(shop.built(plans), XZ)
    }
    later = {"archive_size", "archive_hashes", "ocistacks"}
    for name, metadata in published.items():
        assert {**metadata, **dict.fromkeys(later)} == {**before[name], **dict.fromkeys(later)}
        assert before[name]["ocistacks"].items() <= metadata["ocistacks"].items()
    assert asked(plans) == before
    assert asked(plans, ZIP)["app-demo"]["archive_build"] == 2
    (shop.folder / "demo.py").write_text("print('other')\n")
    assert asked(shop.plans(stack))["app-demo"]["archive_build"] == 2
    assert asked(shop.plans(stack))["framework-base"]["archive_build"] == 1
