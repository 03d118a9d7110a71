"""Variants: one definition that becomes several layers, and what stands on them."""

import pytest

INDEXES = """
[[tool.uv.index]]
name = "cpu"
url = "https://example.org/cpu"
explicit = true
[[tool.uv.index]]
name = "cu128"
url = "https://example.org/cu128"
explicit = true
"""
STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[frameworks]]
name = "torch"
runtime = "py"
requirements = ["torch==2.8.0"]
dynlib_exclude = ["triton/**"]
package_indexes = { Triton = "cpu", numpy = "cpu" }
platforms = ["linux_x86_64", "macosx_arm64", "win_arm64"]
[[frameworks]]
name = "plain"
runtime = "py"
requirements = []
[[applications]]
name = "demo"
frameworks = ["plain", "torch"]
requirements = ["torch"]
launch_module = "run.py"
[tool.ocistacks.layers.framework-torch]
exclude_platforms = ["win_arm64"]
[tool.ocistacks.layers.framework-torch.variants.cpu]
package_indexes = { torch = "cpu" }
[tool.ocistacks.layers.framework-torch.variants.cu128]
requirements = ["nvidia-nccl"]
package_indexes = { torch = "cu128", triton = "cu128" }
platforms = ["linux_x86_64"]
versioned = true
"""
VARIANTS = "tool.ocistacks.layers.framework-torch.variants"


def test_each_variant_is_a_layer_and_so_is_what_stands_on_it(parse):
    stack = parse(STACK + INDEXES)
    assert {
        layer.environment_name: [below.environment_name for below in layer.frameworks]
        for layer in (*stack.frameworks, *stack.applications)
    } == {
        "framework-torch-cpu": [],
        "framework-torch-cu128": [],
        "framework-plain": [],
        "app-demo-cpu": ["framework-plain", "framework-torch-cpu"],
        "app-demo-cu128": ["framework-plain", "framework-torch-cu128"],
    }


def test_a_variant_adds_to_lists_and_tables_and_replaces_the_rest(parse):
    stack = parse(STACK + INDEXES)
    cpu, cuda = stack.layer("framework-torch-cpu"), stack.layer("framework-torch-cu128")
    assert cpu.declared_requirements == ("torch==2.8.0",)
    assert cuda.declared_requirements == ("torch==2.8.0", "nvidia-nccl")
    assert dict(cpu.package_indexes) == {"triton": "cpu", "numpy": "cpu", "torch": "cpu"}
    assert dict(cuda.package_indexes) == {"triton": "cu128", "numpy": "cpu", "torch": "cu128"}
    assert cpu.platforms == ("linux_x86_64", "macosx_arm64")
    assert cuda.platforms == ("linux_x86_64",)
    assert (cpu.versioned, cuda.versioned) == (False, True)
    assert cpu.dynlib_exclude == cuda.dynlib_exclude == ("triton/**",)
    assert stack.layer("app-demo-cu128").platforms == ("linux_x86_64",)


def test_a_layer_above_may_choose_and_differ_too(parse):
    text = (
        STACK
        + INDEXES
        + (
            "[tool.ocistacks.layers.app-demo.variants.cpu]\n"
            'support_modules = ["slow.py"]\nexclude_platforms = ["macosx_arm64"]\n'
        )
    )
    stack = parse(text, modules=("run.py", "slow.py"))
    (application,) = stack.applications
    assert application.environment_name == "app-demo-cpu"
    assert [path.name for path in application.support_modules] == ["slow.py"]
    assert application.platforms == ("linux_x86_64",)


def test_a_layer_may_stand_on_variants_by_their_names(parse):
    text = STACK.replace(
        '["plain", "torch"]',
        '["torch-cu128", "torch-cpu"]\nindex_overrides = { cpu = "cu128" }',
    )
    (application,) = parse(text + INDEXES).applications
    assert [below.name for below in application.frameworks] == ["torch-cu128", "torch-cpu"]


def test_variants_of_one_name_go_together(parse):
    text = (
        STACK + INDEXES + "[tool.ocistacks.layers.framework-plain.variants]\ncu128 = {}\ncpu = {}"
    )
    stack = parse(text)
    assert [below.name for below in stack.layer("app-demo-cpu").frameworks] == [
        "plain-cpu",
        "torch-cpu",
    ]


def test_a_runtime_has_variants_for_all_that_stands_on_it(parse):
    stack = parse(
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\nrequirements = []\n'
        '[[frameworks]]\nname = "f"\nruntime = "py"\nrequirements = []\n'
        '[[applications]]\nname = "x"\nframeworks = ["f"]\nrequirements = []\n'
        'launch_module = "run.py"\n'
        "[tool.ocistacks.layers.py.variants]\n"
        'new = {}\nold.python_implementation = "cpython@3.12.9"'
    )
    assert [(layer.name, layer.runtime.python_version) for layer in stack.applications] == [
        ("x-new", "3.13.5"),
        ("x-old", "3.12.9"),
    ]


def test_layers_with_other_variants_cannot_meet_unless_one_chooses(parse, refusal, message):
    text = STACK + INDEXES + "[tool.ocistacks.layers.framework-plain.variants.cpu]\n"
    assert refusal(text) == message(
        "applications[0].frameworks: the layers below have different variants\n"
        "  layer: app-demo\n"
        "  found: framework-plain has cpu; framework-torch has cpu, cu128\n"
        "  allowed: layers with the same variants, or a choice of those they share\n"
        "  hint: choose with [tool.ocistacks.layers.app-demo.variants.NAME]"
    )
    chosen = parse(text + "[tool.ocistacks.layers.app-demo.variants.cpu]")
    assert [layer.name for layer in chosen.applications] == ["demo-cpu"]


def test_a_variant_that_a_layer_below_lacks_is_refused(refusal, message):
    text = STACK + INDEXES + "[tool.ocistacks.layers.app-demo.variants.rocm]"
    assert refusal(text) == message(
        "tool.ocistacks.layers.app-demo.variants.rocm: a layer below has no such variant\n"
        "  layer: app-demo\n"
        "  found: 'rocm'\n"
        "  allowed: cpu, cu128, which framework-torch has"
    )


LAYER_FIELDS = (
    "name, requirements, platforms, versioned, linux_target, macosx_target, dynlib_exclude, "
    "package_indexes, index_overrides, priority_indexes, runtime, frameworks"
)
OTHER_TORCH = '[[frameworks]]\nname = "torch-cpu"\nruntime = "py"\nrequirements = []\n'
REFUSED = {
    "an unknown field": (
        ("versioned = true", "version = true"),
        (
            f"{VARIANTS}.cu128.version: unknown field\n"
            "  layer: framework-torch-cu128\n"
            "  found: 'version'\n"
            f"  allowed: {LAYER_FIELDS}\n"
            "  did you mean 'versioned'?"
        ),
    ),
    "an added requirement": (
        ('["nvidia-nccl"]', '["<"]'),
        (
            f"{VARIANTS}.cu128.requirements[0]: invalid requirement syntax: Expected package name "
            "at the start of dependency specifier\n"
            "  layer: framework-torch-cu128\n"
            "  found: '<'\n"
            "  allowed: a dependency specifier, such as 'numpy>=2; sys_platform == \"linux\"'"
        ),
    ),
    "a fault that all variants have, once and where it is written": (
        ('["torch==2.8.0"]', '["torch=="]'),
        (
            "frameworks[0].requirements[0]: invalid requirement syntax: Expected semicolon (after "
            "name with no version specifier) or end\n"
            "  layer: framework-torch-cpu\n"
            "  found: 'torch=='\n"
            "  allowed: a dependency specifier, such as 'numpy>=2; sys_platform == \"linux\"'"
        ),
    ),
    "an unknown index of the layer": (
        ('Triton = "cpu"', 'Triton = "gpu"'),
        (
            "frameworks[0].package_indexes.Triton: unknown package index\n"
            "  layer: framework-torch-cpu\n"
            "  found: 'gpu'\n"
            "  allowed: cpu, cu128\n"
            "  did you mean 'cpu'?"
        ),
    ),
    "an unknown index of the variant": (
        ('triton = "cu128"', 'triton = "cu12"'),
        (
            f"{VARIANTS}.cu128.package_indexes.triton: unknown package index\n"
            "  layer: framework-torch-cu128\n"
            "  found: 'cu12'\n"
            "  allowed: cpu, cu128\n"
            "  did you mean 'cu128'?"
        ),
    ),
    "another place to stand": (
        ("versioned = true", 'runtime = "py"'),
        (
            f"{VARIANTS}.cu128.runtime: a variant cannot change this\n"
            "  layer: framework-torch\n"
            "  allowed: fields in which the variants of one layer may differ\n"
            "  hint: declare a layer of its own, or give the layer below variants"
        ),
    ),
    "a name that another layer has": (
        (
            "[[applications]]",
            OTHER_TORCH + "[[applications]]",
        ),
        (
            "frameworks[2].name: names must be distinct\n"
            "  found: 'torch-cpu', whose folder 'framework-torch-cpu' is that of "
            f"{VARIANTS}.cpu too\n"
            "  allowed: a name that gives the layer a folder of its own"
        ),
    ),
    "a name that is no folder's": (
        ("variants.cpu]", 'variants."c/u"]'),
        (
            f'{VARIANTS}."c/u": the variant\'s name holds a slash, a backslash or a control '
            "character\n"
            "  layer: framework-torch\n"
            "  found: 'c/u'\n"
            "  allowed: a name that can be the end of a folder's name"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_fault_has_the_place_where_it_is_written(case, refusal, message):
    (old, new), fault = REFUSED[case]
    text = STACK.replace(old, new, 1)
    assert text != STACK
    assert refusal(text + INDEXES) == message(fault)


def test_each_list_of_platforms_is_checked_where_it_stands(refusal):
    text = STACK.replace("[]", '[]\nplatforms = ["macosx_arm64"]', 1) + INDEXES
    assert [line for line in refusal(text).splitlines() if "target platform" in line] == [
        "  frameworks[0].platforms[0]: target platform not supported by lower layers",
        "  frameworks[0].platforms[2]: target platform not supported by lower layers",
        f"  {VARIANTS}.cu128.platforms[0]: target platform not supported by lower layers",
    ]
