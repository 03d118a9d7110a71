"""What is published: names, metadata as venvstacks writes it, build numbers, what stays."""

import io
import json
import lzma
import tarfile
import zipfile

import pytest

from ocistacks.deploy.archive_formats.convert import ArchiveFormat
from ocistacks.deploy.archive_request import PublishOptions
from ocistacks.deploy.publish import publish_archives, publishing_request
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UsageError
from ocistacks.lock.module_hash import module_hash
from ocistacks.oci.assemble_stack import assemble_stack
from ocistacks.platforms import Platform

NAMES = ["cpython-3.13", "framework-base", "framework-above", "app-demo", "app-plain"]
BLOB = PublishOptions()
XZ = PublishOptions(archive_format=ArchiveFormat.TAR_XZ)
ZIP = PublishOptions(archive_format=ArchiveFormat.ZIP)


@pytest.fixture
def publish(shop, reporter):
    """A function that publishes layers and returns what was published."""

    def published(layers, options=BLOB, stack=None):
        return publish_archives(
            layers,
            shop.output,
            shop.store,
            stack=stack or shop.stack(),
            options=options,
            reporter=reporter,
        )

    return published


@pytest.fixture
def listed(shop):
    """A function that reads the combined metadata: layer name to metadata, in order."""

    def read(tag=""):
        path = shop.output / "__venvstacks__" / f"venvstacks{tag}.json"
        kinds = json.loads(path.read_text())["layers"]
        assert list(kinds) == ["applications", "frameworks", "runtimes"]
        in_order = [*kinds["runtimes"], *kinds["frameworks"], *kinds["applications"]]
        return {layer["layer_name"]: layer for layer in in_order}

    return read


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_files_have_venvstacks_names(shop, publish, listed):
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
    assert list(listed()) == NAMES


def test_tagged_output_has_platform_and_build_in_its_names(shop, publish, listed):
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
        found = listed(f"-{platform}")
        assert list(found) == NAMES
        assert {layer["target_platform"] for layer in found.values()} == {platform}


def test_the_metadata_has_venvstacks_keys_and_ours_apart(shop, publish, listed):
    options = PublishOptions(archive_format=ArchiveFormat.TAR_XZ, artifacts_in="oci:oci")
    published = publish(shop.built(shop.plans(shop.stack(), lock_version=3)), options)
    metadata = listed()
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


@pytest.mark.parametrize("options", [BLOB, XZ, ZIP], ids=["blob", "xz", "zip"])
def test_what_is_there_is_not_made_again(shop, publish, options):
    layers = shop.built(shop.plans(shop.stack()))
    first = publish(layers, options)
    stamps = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    second = publish(layers, options)
    assert [archive.changed for archive in first] == [True] * 5
    assert [archive.changed for archive in second] == [False] * 5
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == stamps
    assert [archive.metadata for archive in second] == [archive.metadata for archive in first]


@pytest.mark.parametrize("options", [XZ, ZIP], ids=["xz", "zip"])
def test_force_makes_the_same_bytes_again_under_the_same_build_number(shop, publish, options):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    (first,) = publish(layers, options)
    forced = PublishOptions(archive_format=options.archive_format, force=True, threads=3)
    (second,) = publish(layers, forced)
    assert second.changed
    assert second.metadata == first.metadata
    assert Digest.of_file(second.path) == first.content.digest


@pytest.mark.parametrize("damage", ["gone", "other bytes", "other size"])
def test_an_archive_that_was_damaged_is_made_again(shop, publish, damage):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    (first,) = publish(layers, XZ)
    content = first.path.read_bytes()
    first.path.unlink()
    if damage != "gone":
        first.path.write_bytes(content[::-1] if damage == "other bytes" else content[1:])
    (second,) = publish(layers, XZ)
    assert second.changed
    assert second.path.read_bytes() == content
    assert second.metadata["archive_build"] == 1


def test_the_build_number_counts_the_bytes_of_one_lock_version(shop, publish):
    def build(content, lock_version=1):
        plans = shop.plans(shop.stack(), lock_version=lock_version, names=["framework-above"])
        (archive,) = publish(shop.built(plans, content), PublishOptions(tag_outputs=True))
        return archive.path.name

    assert build("one") == "framework-above@1-linux_x86_64-1.tar.zst"
    assert build("one") == "framework-above@1-linux_x86_64-1.tar.zst"
    assert build("two") == "framework-above@1-linux_x86_64-2.tar.zst"
    assert build("one") == "framework-above@1-linux_x86_64-3.tar.zst"
    assert build("one", lock_version=2) == "framework-above@2-linux_x86_64-1.tar.zst"


def test_metadata_of_venvstacks_itself_is_counted_on(shop, publish):
    folder = shop.output / "__venvstacks__/env_metadata"
    folder.mkdir(parents=True)
    theirs = {"layer_name": "app-plain", "lock_version": 1, "archive_build": 4}
    (folder / "app-plain.json").write_text(json.dumps(theirs))
    (archive,) = publish(shop.built(shop.plans(shop.stack(), names=["app-plain"])))
    assert archive.metadata["archive_build"] == 5


def test_some_layers_leave_the_others_in_the_combined_metadata(shop, publish, listed):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    before = listed()
    publish(shop.built(shop.plans(stack, names=["app-plain"]), "newer"))
    after = listed()
    assert list(after) == NAMES
    assert after["app-plain"] != before["app-plain"]
    assert {**after, "app-plain": None} == {**before, "app-plain": None}


def versions(shop):
    """Return the versions of framework-above that the combined metadata lists, in order."""
    text = (shop.output / "__venvstacks__/venvstacks.json").read_text()
    frameworks = json.loads(text)["layers"]["frameworks"]
    names = [layer["install_target"] for layer in frameworks]
    return [name for name in names if name.startswith("framework-above")]


def test_a_version_is_listed_as_long_as_a_listed_layer_stands_on_it(shop, publish):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    publish(shop.built(shop.plans(stack, lock_version=2, names=["framework-above"])))
    assert versions(shop) == ["framework-above@1", "framework-above@2"]
    publish(shop.built(shop.plans(stack, lock_version=2, names=["app-plain"])))
    assert versions(shop) == ["framework-above@1", "framework-above@2"]
    publish(shop.built(shop.plans(stack, lock_version=2, names=["app-demo"])))
    assert versions(shop) == ["framework-above@2"]


@pytest.mark.parametrize(
    "before",
    ["", "[]", '{"layers": 3}', '{"layers": {"frameworks": 3}}', '{"layers": {"frameworks": [[]]}}']
    + [
        json.dumps({"layers": {"frameworks": [{"layer_name": "framework-above", **entry}]}})
        for entry in (
            {},
            {"install_target": ["framework-above@1"]},
            {"install_target": "framework-above@1"},
            {"install_target": "framework-above@1", "archive_name": "../secret"},
        )
    ],
)
def test_combined_metadata_that_cannot_be_read_lists_no_older_version(shop, publish, before):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    (shop.folder / "secret").touch()
    (shop.output / "__venvstacks__/venvstacks.json").write_text(before)
    publish(shop.built(shop.plans(stack, lock_version=2, names=["framework-above"])))
    assert versions(shop) == ["framework-above@2"]


def test_what_the_stack_no_longer_has_leaves_the_combined_metadata(shop, publish, listed):
    publish(shop.built(shop.plans(shop.stack())))
    (shop.output / "framework-base.tar.zst").unlink()
    text = shop.text.partition('[[applications]]\nname = "demo"')[0]
    text += '[[applications]]\nname = "plain"\nlaunch_module = "demo.py"\n'
    text += 'runtime = "cpython-3.13"\nrequirements = []\nplatforms = ["linux_aarch64"]\n'
    stack = shop.stack(text)
    publish(shop.built(shop.plans(stack, names=["cpython-3.13"])), stack=stack)
    # app-demo is no longer declared, app-plain not for this platform, one archive is gone.
    assert list(listed()) == ["cpython-3.13", "framework-above"]
    assert (shop.output / "app-demo.tar.zst").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", None, 3, ".."])
def test_metadata_that_names_files_elsewhere_is_not_kept(shop, publish, listed, name):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    (shop.folder / "secret").touch()
    path = shop.output / "__venvstacks__/env_metadata/app-demo.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "archive_name": name}))
    publish(shop.built(shop.plans(stack, names=["app-plain"])))
    assert "app-demo" not in listed()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"layer_name": "other"}', "\x00\xff"])
def test_metadata_that_cannot_be_read_counts_as_none(shop, publish, listed, text):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    (shop.output / "__venvstacks__/env_metadata/app-demo.json").write_text(text)
    publish(shop.built(shop.plans(stack, names=["app-plain"])))
    assert "app-demo" not in listed()
    publish(shop.built(shop.plans(stack)))
    assert list(listed()) == NAMES


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


def test_platforms_of_different_layers_share_the_untagged_metadata(shop, publish, listed):
    stack = shop.stack()
    plans = shop.plans(stack, names=["cpython-3.13"])
    plans += shop.plans(stack, platform=Platform.LINUX_AARCH64, names=["app-plain"])
    publish(shop.built(plans))
    assert {name: layer["target_platform"] for name, layer in listed().items()} == {
        "cpython-3.13": "linux_x86_64",
        "app-plain": "linux_aarch64",
    }


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


def test_a_damaged_blob_leaves_the_output_as_it_was(shop, publish, changed):
    stack = shop.stack()
    layers = shop.built(shop.plans(stack))
    publish(layers, XZ)
    before = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    newer = shop.built(shop.plans(stack), "newer")
    wrong = newer[-1].blob.model_copy(update={"diff_id": Digest.of_bytes(b"other")})
    newer[-1] = changed(newer[-1], blob=wrong)
    with pytest.raises(DigestError) as raised:
        publish(newer, XZ)
    assert str(raised.value) == (
        "A blob in the store is not what it was when it was built.\n"
        f"  where: {shop.store.blob_path(wrong.digest)}\n"
        f"  found: {shop.built(shop.plans(stack), 'newer')[-1].blob.diff_id}\n"
        f"  expected: {wrong.diff_id}\n"
        "  hint: delete the file and build the stack again"
    )
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == before
    assert list((shop.store.root / "temporary").iterdir()) == []


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
