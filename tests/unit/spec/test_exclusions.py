"""`exclude_platforms`: leaving single platforms out of a layer and of what stands on it."""

import pytest

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[frameworks]]
name = "torch"
runtime = "py"
requirements = []
[[frameworks]]
name = "vision"
frameworks = ["torch"]
requirements = []
[[applications]]
name = "x"
runtime = "py"
requirements = []
launch_module = "run.py"
"""
LAYERS = "[tool.ocistacks.layers."
PLATFORMS = "linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64, win_arm64"


def platforms(stack):
    return {layer.environment_name: ", ".join(layer.platforms) for layer in stack.layers}


def test_a_platform_is_left_out_of_a_layer_and_of_those_above(parse):
    stack = parse(STACK + LAYERS + 'framework-torch]\nexclude_platforms = ["win_arm64"]')
    assert platforms(stack) == {
        "py": PLATFORMS,
        "framework-torch": PLATFORMS.removesuffix(", win_arm64"),
        "framework-vision": PLATFORMS.removesuffix(", win_arm64"),
        "app-x": PLATFORMS,
    }
    assert stack.warnings == ()


def test_what_is_declared_is_narrowed_too(parse):
    text = STACK.replace(
        'name = "torch"', 'name = "torch"\nplatforms = ["linux_x86_64", "win_arm64"]'
    )
    stack = parse(text + LAYERS + 'framework-torch]\nexclude_platforms = ["win_arm64"]')
    assert stack.layer("framework-vision").platforms == ("linux_x86_64",)


def test_without_any_platform_a_layer_is_off(parse):
    listed = str(PLATFORMS.split(", "))
    stack = parse(STACK + LAYERS + f"framework-torch]\nexclude_platforms = {listed}")
    assert stack.disabled == ("framework-torch", "framework-vision")


def test_a_layer_above_cannot_bring_a_platform_back(refusal, message):
    text = STACK.replace('name = "vision"', 'name = "vision"\nplatforms = ["win_arm64"]')
    text += LAYERS + 'framework-torch]\nexclude_platforms = ["win_arm64"]'
    assert refusal(text) == message(
        "frameworks[1].platforms[0]: target platform not supported by lower layers\n"
        "  layer: framework-vision\n"
        "  found: 'win_arm64'\n"
        "  allowed: linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64\n"
        "  hint: exclude_platforms leaves win_arm64 out of framework-torch"
    )


REFUSED = {
    "torch]": (
        "tool.ocistacks.layers.torch: unknown layer\n"
        "  found: 'torch'\n"
        "  allowed: py, framework-torch, framework-vision, app-x\n"
        "  did you mean 'framework-torch'?"
    ),
    'framework-torch]\nexclude_platforms = ["win_arm46"]': (
        "tool.ocistacks.layers.framework-torch.exclude_platforms[0]: unknown platform\n"
        "  layer: framework-torch\n"
        "  found: 'win_arm46'\n"
        f"  allowed: {PLATFORMS}\n"
        "  did you mean 'win_arm64'?"
    ),
    'framework-torch]\nexclude_platform = ["win_arm64"]': (
        "tool.ocistacks.layers.framework-torch.exclude_platform: unknown field\n"
        "  layer: framework-torch\n"
        "  found: 'exclude_platform'\n"
        "  allowed: exclude_platforms, variants\n"
        "  did you mean 'exclude_platforms'?"
    ),
    'framework-torch]\nexclude_platforms = "win_arm64"': (
        "tool.ocistacks.layers.framework-torch.exclude_platforms: wrong type\n"
        "  layer: framework-torch\n"
        "  found: 'win_arm64'\n"
        "  allowed: an array"
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense_is_refused(text, refusal, message):
    assert refusal(STACK + LAYERS + text) == message(REFUSED[text])


@pytest.mark.parametrize(("value", "where"), [("3", ""), ("{ framework-torch = 3 }", "layer")])
def test_what_is_no_table_is_refused(value, where, refusal, message):
    path = "tool.ocistacks.layers" + (".framework-torch" if where else "")
    lines = [f"{path}: wrong type", "  found: 3", "  allowed: a table"]
    if where:
        lines.insert(1, "  layer: framework-torch")
    text = f"{STACK}[tool.ocistacks]\nlayers = {value}"
    assert refusal(text) == message("\n".join(lines))
