"""How platforms narrow on their way up, and how layers are switched off."""

import pytest

from ocistacks.platforms import Platform

RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
"""


def layer(kind, name, below, more=""):
    key = "runtime" if below == ["py"] else "frameworks"
    value = '"py"' if below == ["py"] else str(below)
    launch = 'launch_module = "run.py"\n' if kind == "applications" else ""
    return f'[[{kind}]]\nname = "{name}"\n{key} = {value}\nrequirements = []\n{launch}{more}\n'


def platforms(stack):
    return {layer.environment_name: [*map(str, layer.platforms)] for layer in stack.layers}


def test_each_layer_has_what_all_below_have_in_one_order(parse):
    stack = parse(
        RUNTIME
        + 'platforms = ["win_amd64", "macosx_arm64", "linux_x86_64", "linux_x86_64"]\n'
        + layer("frameworks", "a", ["py"], 'platforms = ["macosx_arm64", "linux_x86_64"]')
        + layer("frameworks", "b", ["py"], 'platforms = ["win_amd64", "linux_x86_64"]')
        + layer("frameworks", "c", ["a"])
        + layer("applications", "x", ["c", "b"])
    )
    assert platforms(stack) == {
        "py": ["linux_x86_64", "macosx_arm64", "win_amd64"],
        "framework-a": ["linux_x86_64", "macosx_arm64"],
        "framework-b": ["linux_x86_64", "win_amd64"],
        "framework-c": ["linux_x86_64", "macosx_arm64"],
        "app-x": ["linux_x86_64"],
    }
    assert stack.warnings == ()


@pytest.mark.parametrize("declared", ["", 'platforms = ["linux_x86_64"]'])
def test_an_empty_list_switches_a_layer_and_all_above_it_off(parse, declared):
    stack = parse(
        RUNTIME
        + layer("frameworks", "off", ["py"], "platforms = []")
        + layer("frameworks", "above", ["off"], declared)
        + layer("frameworks", "beside", ["py"])
        + layer("applications", "x", ["beside", "above"], declared)
    )
    assert [layer.environment_name for layer in stack.layers] == ["py", "framework-beside"]
    assert stack.disabled == ("framework-off", "framework-above", "app-x")
    assert stack.warnings == ()


def test_a_layer_that_is_off_may_lack_its_modules_but_not_sense(parse, refusal):
    text = RUNTIME + layer("applications", "x", ["py"], "platforms = []")
    assert parse(text, modules=()).disabled == ("app-x",)
    assert refusal(text.replace("requirements = []", 'requirements = ["<"]'), modules=())


def test_a_runtime_that_is_off_may_be_pypy(parse):
    text = RUNTIME.replace("cpython@3.13.5", "pypy@3.11.13") + "platforms = []\n"
    assert parse(text + layer("frameworks", "f", ["py"])).disabled == ("py", "framework-f")


def test_layers_without_a_common_platform_are_left_out_with_a_warning(parse):
    stack = parse(
        RUNTIME
        + layer("frameworks", "a", ["py"], 'platforms = ["linux_x86_64"]')
        + layer("frameworks", "b", ["py"], 'platforms = ["win_amd64"]')
        + layer("applications", "x", ["a", "b"])
    )
    assert stack.disabled == ("app-x",)
    assert stack.warnings == (
        (
            "applications[0]: the layers below (framework-a, framework-b) have no platform in "
            "common, so the layer is left out"
        ),
    )


def test_a_platform_that_lower_layers_do_not_share_is_refused(refusal):
    text = refusal(
        RUNTIME
        + layer("frameworks", "a", ["py"], 'platforms = ["linux_x86_64"]')
        + layer("frameworks", "b", ["py"], 'platforms = ["win_amd64"]')
        + layer("applications", "x", ["a", "b"], 'platforms = ["win_amd64"]')
    )
    assert text == (
        "venvstacks.toml has a fault.\n"
        "  applications[0].platforms[0]: target platform not supported by lower layers\n"
        "    layer: app-x\n"
        "    found: 'win_amd64'\n"
        "    allowed: the layers below (framework-a, framework-b) have no platform in common\n"
        "    hint: framework-a is for linux_x86_64 only\n"
        "  where: /stack/venvstacks.toml"
    )


def test_the_default_is_every_platform(parse):
    assert parse(RUNTIME).runtimes[0].platforms == tuple(Platform)
