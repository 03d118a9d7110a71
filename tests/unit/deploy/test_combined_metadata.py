"""The combined metadata after a part was published: what stays in it, and what leaves."""

import json

import pytest

from ocistacks.platforms import Platform

NAMES = ["cpython-3.13", "framework-base", "framework-above", "app-demo", "app-plain"]


def test_some_layers_leave_the_others_in_the_combined_metadata(shop, publish, combined):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    before = combined()
    publish(shop.built(shop.plans(stack, names=["app-plain"]), "newer"))
    after = combined()
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


def test_what_the_stack_no_longer_has_leaves_the_combined_metadata(shop, publish, combined):
    publish(shop.built(shop.plans(shop.stack())))
    (shop.output / "framework-base.tar.zst").unlink()
    text = shop.text.partition('[[applications]]\nname = "demo"')[0]
    text += '[[applications]]\nname = "plain"\nlaunch_module = "demo.py"\n'
    text += 'runtime = "cpython-3.13"\nrequirements = []\nplatforms = ["linux_aarch64"]\n'
    stack = shop.stack(text)
    publish(shop.built(shop.plans(stack, names=["cpython-3.13"])), stack=stack)
    # app-demo is no longer declared, app-plain not for this platform, one archive is gone.
    assert list(combined()) == ["cpython-3.13", "framework-above"]
    assert (shop.output / "app-demo.tar.zst").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", None, 3, ".."])
def test_metadata_that_names_files_elsewhere_is_not_kept(shop, publish, combined, name):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    (shop.folder / "secret").touch()
    path = shop.output / "__venvstacks__/env_metadata/app-demo.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "archive_name": name}))
    publish(shop.built(shop.plans(stack, names=["app-plain"])))
    assert "app-demo" not in combined()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"layer_name": "other"}', "\x00\xff"])
def test_metadata_that_cannot_be_read_counts_as_none(shop, publish, combined, text):
    stack = shop.stack()
    publish(shop.built(shop.plans(stack)))
    (shop.output / "__venvstacks__/env_metadata/app-demo.json").write_text(text)
    publish(shop.built(shop.plans(stack, names=["app-plain"])))
    assert "app-demo" not in combined()
    publish(shop.built(shop.plans(stack)))
    assert list(combined()) == NAMES


def test_platforms_of_different_layers_share_the_untagged_metadata(shop, publish, combined):
    stack = shop.stack()
    plans = shop.plans(stack, names=["cpython-3.13"])
    plans += shop.plans(stack, platform=Platform.LINUX_AARCH64, names=["app-plain"])
    publish(shop.built(plans))
    assert {name: layer["target_platform"] for name, layer in combined().items()} == {
        "cpython-3.13": "linux_x86_64",
        "app-plain": "linux_aarch64",
    }
