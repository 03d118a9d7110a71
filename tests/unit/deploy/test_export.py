"""Exports: the store's trees in another folder, with venvstacks' metadata."""

import json
import stat

import pytest

from ocistacks.deploy.deployment import LOCK_FILE, RECORD_FILE
from ocistacks.deploy.export import ExportOptions, export_layers, export_request
from ocistacks.errors import TargetError, UsageError
from ocistacks.platforms import Platform

TARGETS = ["app-demo", "app-plain", "cpython-3.13", "framework-above@1", "framework-base"]


@pytest.fixture
def export(shop, reporter):
    """A function that exports layers and returns the folders that were made."""

    def exported(layers, *, stack=None, **options):
        found = export_layers(
            layers,
            shop.output,
            shop.store,
            stack=stack or shop.stack(),
            options=ExportOptions(**options),
            reporter=reporter,
        )
        assert {layer.path.parent for layer in found} <= {shop.output}
        return sorted(layer.path.name for layer in found if layer.changed)

    return exported


@pytest.fixture
def listed(shop):
    """A function that reads the combined metadata: all install targets, sorted."""

    def read():
        kinds = json.loads((shop.output / "__venvstacks__/venvstacks.json").read_text())["layers"]
        return sorted(layer["install_target"] for kind in kinds.values() for layer in kind)

    return read


def folders(output):
    return sorted(path.name for path in output.iterdir() if not path.name.startswith(("_", ".")))


def test_layers_are_links_to_the_store_with_export_metadata(shop, export):
    plans = shop.plans(shop.stack())
    layers = shop.built(plans)
    assert export(layers) == TARGETS
    assert folders(shop.output) == TARGETS
    exported = shop.output / "app-demo/content"
    stored = shop.store.tree_path(layers[3].blob.digest) / "app-demo/content"
    assert exported.samefile(stored)
    assert exported.stat().st_mode & 0o222 == 0
    assert str((shop.output / "app-demo/bin/link").readlink()) == "run"
    path = shop.output / "__venvstacks__/env_metadata/app-demo.json"
    metadata = json.loads(path.read_text())
    blob = layers[3].blob
    assert metadata.pop("ocistacks") == {
        "input_digest": plans[3].input_digest,
        "blob_digest": blob.digest,
        "diff_id": blob.diff_id,
        "media_type": blob.media_type,
        "uncompressed_size": blob.uncompressed_size,
    }
    assert sorted(metadata) == [
        "app_launch_module",
        "app_launch_module_hash",
        "app_support_modules",
        "bound_to_implementation",
        "install_target",
        "layer_name",
        "lock_version",
        "locked_at",
        "python_implementation",
        "required_layers",
        "requirements_hash",
        "runtime_layer",
    ]


def test_only_what_changed_is_exported_again(shop, export):
    layers = shop.built(shop.plans(shop.stack()))
    export(layers)
    places = {name: (shop.output / name).stat().st_ino for name in TARGETS}
    assert export(layers) == []
    newer = shop.built(shop.plans(shop.stack(), names=["app-plain"]), "newer")
    assert export([*layers[:4], *newer]) == ["app-plain"]
    assert (shop.output / "app-plain/content").read_text().split()[-1] == "newer"
    for name in TARGETS:
        same = (shop.output / name).stat().st_ino == places[name]
        assert same is (name != "app-plain")


def test_force_makes_what_is_asked_for_again(shop, export):
    layers = shop.built(shop.plans(shop.stack()))
    export(layers)
    (shop.output / "app-plain/stranger").touch()
    assert export(layers[4:], force=True) == ["app-plain"]
    assert not (shop.output / "app-plain/stranger").exists()


def test_copies_may_be_changed_and_the_store_stays(shop, export):
    layers = shop.built(shop.plans(shop.stack(), names=["app-plain"]))
    assert export(layers, copy=True) == ["app-plain"]
    copied = shop.output / "app-plain/content"
    copied.write_text("mine")
    assert stat.S_IMODE((shop.output / "app-plain/bin/run").stat().st_mode) == 0o755
    stored = shop.store.tree_path(layers[0].blob.digest) / "app-plain/content"
    assert stored.read_text() != "mine"


def test_some_layers_leave_the_others(shop, export, listed):
    stack = shop.stack()
    export(shop.built(shop.plans(stack)))
    newer = shop.built(shop.plans(stack, names=["app-plain"]), "newer")
    assert export(newer) == ["app-plain"]
    assert folders(shop.output) == TARGETS
    assert listed() == TARGETS


def test_a_layer_keeps_the_version_below_it_until_it_is_exported_too(shop, export, listed):
    stack = shop.stack()
    export(shop.built(shop.plans(stack)))
    export(shop.built(shop.plans(stack, lock_version=2, names=["framework-above"])))
    assert folders(shop.output) == sorted([*TARGETS, "framework-above@2"])
    assert listed() == sorted([*TARGETS, "framework-above@2"])
    assert export(shop.built(shop.plans(stack, lock_version=2, names=["app-demo"]))) == []
    assert "framework-above@1" not in folders(shop.output)
    assert "framework-above@2" in folders(shop.output)
    assert listed() == [name.replace("@1", "@2") for name in TARGETS]


def test_what_the_stack_no_longer_has_goes_and_what_is_not_ours_stays(shop, export, listed):
    export(shop.built(shop.plans(shop.stack())))
    (shop.output / "notes").mkdir()
    text = shop.text.partition('[[applications]]\nname = "demo"')[0]
    stack = shop.stack(text)
    assert export(shop.built(shop.plans(stack, names=["cpython-3.13"])), stack=stack) == []
    assert folders(shop.output) == sorted({*TARGETS, "notes"} - {"app-demo", "app-plain"})
    assert listed() == ["cpython-3.13", "framework-above@1", "framework-base"]


def test_a_folder_that_was_removed_is_made_again_or_forgotten(shop, export, listed):
    layers = shop.built(shop.plans(shop.stack()))
    export(layers)
    for name in ("app-plain", "app-demo"):
        (shop.output / name).rename(shop.folder / f"{name}-elsewhere")
    assert export(layers[4:]) == ["app-plain"]
    assert "app-demo" not in listed()
    assert export(layers) == ["app-demo"]


def test_what_venvstacks_exported_is_taken_over(shop, export):
    metadata = shop.output / "__venvstacks__/env_metadata"
    metadata.mkdir(parents=True)
    for name in ("app-plain", "app-gone"):
        theirs = {"layer_name": name, "install_target": name}
        (metadata / f"{name}.json").write_text(json.dumps(theirs))
        (shop.output / name).mkdir()
        (shop.output / name / "pyvenv.cfg").touch()
    layers = shop.built(shop.plans(shop.stack()))
    assert export(layers) == TARGETS
    assert not (shop.output / "app-plain/pyvenv.cfg").exists()
    assert (shop.output / "app-gone/pyvenv.cfg").exists()
    assert {RECORD_FILE, LOCK_FILE} <= {path.name for path in shop.output.iterdir()}


def test_a_folder_of_somebody_else_is_refused_untouched(shop, export):
    shop.output.mkdir()
    (shop.output / "thesis").touch()
    with pytest.raises(TargetError) as raised:
        export(shop.built(shop.plans(shop.stack())))
    assert str(raised.value) == (
        "The target folder is not empty, and no deployment of ocistacks.\n"
        f"  where: {shop.output}\n"
        "  found: thesis\n"
        "  expected: an empty folder, or none\n"
        "  hint: choose another folder"
    )
    assert [path.name for path in shop.output.iterdir()] == ["thesis"]


@pytest.mark.parametrize("name", ["../thesis", "/", "..", ""])
def test_a_record_that_names_folders_elsewhere_is_no_record(shop, export, name):
    layers = shop.built(shop.plans(shop.stack()))
    (shop.folder / "thesis").mkdir()
    shop.output.mkdir()
    record = {"layers": {name: layers[0].blob.digest}}
    (shop.output / RECORD_FILE).write_text(json.dumps(record))
    with pytest.raises(TargetError):
        export(layers)
    assert (shop.folder / "thesis").is_dir()


def test_layers_of_two_platforms_are_refused(shop, export):
    plans = shop.plans(shop.stack(), names=["app-plain"])
    plans += shop.plans(shop.stack(), names=["app-plain"], platform=Platform.LINUX_AARCH64)
    for attempt in (lambda: export(shop.built(plans)), lambda: export_request(plans)):
        with pytest.raises(UsageError) as raised:
            attempt()
        assert str(raised.value) == (
            "Layers of several platforms would be written under the same names.\n"
            "  where: layer app-plain\n"
            "  found: linux_x86_64, linux_aarch64\n"
            "  expected: one platform\n"
            "  hint: export the layers of one platform, into a folder of its own"
        )
    assert not shop.output.exists()


def test_a_dry_run_tells_what_would_be_written(shop, export):
    plans = shop.plans(shop.stack())
    request = export_request(plans)["layers"]
    assert [len(request[kind]) for kind in ("runtimes", "frameworks", "applications")] == [1, 2, 2]
    assert not shop.output.exists()
    export(shop.built(plans))
    written = json.loads((shop.output / "__venvstacks__/venvstacks.json").read_text())["layers"]
    for kind, layers in written.items():
        for asked, found in zip(request[kind], layers, strict=True):
            assert {**found, "ocistacks": None} == {**asked, "ocistacks": None}
