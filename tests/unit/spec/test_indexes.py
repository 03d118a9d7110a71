"""Package indexes: known names, inheritance, and disagreements."""

INDEXES = """
[[tool.uv.index]]
name = "cpu"
url = "https://example.org/cpu"
explicit = true
[[tool.uv.index]]
name = "gpu 12"
url = "https://example.org/gpu"
[[tool.uv.index]]
url = "https://example.org/unnamed"
"""


def runtime(more=""):
    return (
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\n'
        f"requirements = []\n{more}\n"
    )


def framework(name, more, below='runtime = "py"'):
    return f'[[frameworks]]\nname = "{name}"\n{below}\nrequirements = []\n{more}\n'


def told(fault):
    return f"venvstacks.toml has a fault.\n{fault}  where: /stack/venvstacks.toml"


def test_layers_inherit_and_names_are_normalised(parse):
    stack = parse(
        runtime('package_indexes = { Torch_Vision = "cpu" }')
        + framework("a", 'package_indexes = { TORCH = "gpu 12" }\npriority_indexes = ["cpu"]')
        + framework("b", "", 'frameworks = ["a"]')
        + INDEXES
    )
    assert dict(stack.layer("framework-b").package_indexes) == {
        "torch-vision": "cpu",
        "torch": "gpu 12",
    }
    assert stack.layer("framework-a").priority_indexes == ("cpu",)
    assert stack.layer("framework-b").priority_indexes == ()


def test_unknown_indexes_are_told_with_the_nearest_name(refusal):
    text = refusal(
        runtime('package_indexes = { torch = "cpuu" }\npriority_indexes = ["gpu 12", "gpu12"]')
        + INDEXES
    )
    assert text == (
        "venvstacks.toml has 2 faults.\n"
        "  runtimes[0].package_indexes.torch: unknown package index\n"
        "    layer: py\n"
        "    found: 'cpuu'\n"
        "    allowed: cpu, gpu 12\n"
        "    did you mean 'cpu'?\n"
        "  runtimes[0].priority_indexes[1]: unknown package index\n"
        "    layer: py\n"
        "    found: 'gpu12'\n"
        "    allowed: cpu, gpu 12\n"
        "    did you mean 'gpu 12'?\n"
        "  where: /stack/venvstacks.toml"
    )


def test_a_package_with_two_entries_is_refused(refusal):
    text = refusal(runtime('package_indexes = { a_b = "cpu", A-B = "cpu" }') + INDEXES)
    assert text == told(
        "  runtimes[0].package_indexes: the package 'a-b' has two entries after its name is "
        "normalised\n"
        "    layer: py\n"
        "    found: {'a_b': 'cpu', 'A-B': 'cpu'}\n"
        "    allowed: one index for each package\n"
    )


def test_a_layer_that_disagrees_with_the_one_below_says_how_to_accept_it(parse, refusal):
    below = runtime('package_indexes = { torch = "gpu 12" }')
    above = framework("a", 'package_indexes = { Torch = "cpu" }')
    assert refusal(below + above + INDEXES) == told(
        "  frameworks[0].package_indexes.Torch: inconsistent package index override for 'torch'\n"
        "    layer: framework-a\n"
        "    found: 'cpu' by framework-a, 'gpu 12' by py\n"
        "    allowed: one index for each package in all layers that meet\n"
        '    hint: to accept it, write index_overrides = { "gpu 12" = "cpu" }\n'
    )
    stack = parse(below + above + 'index_overrides = { "gpu 12" = "cpu" }\n' + INDEXES)
    assert dict(stack.layer("framework-a").package_indexes) == {"torch": "cpu"}


def test_frameworks_that_disagree_are_refused_unless_the_nearest_is_meant(parse, refusal):
    below = (
        runtime()
        + framework("a", 'package_indexes = { torch = "cpu" }')
        + framework("b", 'package_indexes = { torch = "gpu 12" }')
    )
    above = framework("c", "", 'frameworks = ["b", "a"]')
    assert refusal(below + above + INDEXES) == told(
        "  frameworks[2].frameworks: inconsistent package index override for 'torch'\n"
        "    layer: framework-c\n"
        "    found: 'gpu 12' by framework-b, 'cpu' by framework-a\n"
        "    allowed: one index for each package in all layers that meet\n"
        '    hint: to accept it, write index_overrides = { cpu = "gpu 12" }\n'
    )
    stack = parse(below + above + 'index_overrides = { cpu = "gpu 12" }\n' + INDEXES)
    assert dict(stack.layer("framework-c").package_indexes) == {"torch": "gpu 12"}
    wrong_way = 'index_overrides = { "gpu 12" = "cpu" }\n'
    assert "inconsistent" in refusal(below + above + wrong_way + INDEXES)
