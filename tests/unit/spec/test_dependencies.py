"""Each way in which a layer can be wrong about what it stands on, and the whole message."""

import pytest

RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
"""
OTHER_RUNTIME = """
[[runtimes]]
name = "old"
python_implementation = "cpython@3.12.9"
requirements = []
"""


def framework(name, below, more=""):
    key, value = ("runtime", '"py"') if below is None else ("frameworks", str(list(below)))
    return f'[[frameworks]]\nname = "{name}"\n{key} = {value}\nrequirements = []\n{more}\n'


ONE_FAULT = {
    "both runtime and frameworks": (
        RUNTIME + framework("f", None) + framework("g", ["f"], 'runtime = "py"'),
        (
            "frameworks[1]: both runtime and frameworks are given\n"
            "  layer: framework-g\n"
            "  found: runtime = 'py', frameworks = ['f']\n"
            "  allowed: one of the two: frameworks bring their runtime with them"
        ),
    ),
    "neither runtime nor frameworks": (
        '[[frameworks]]\nname = "f"\nrequirements = []',
        (
            "frameworks[0]: neither a runtime nor a framework is given\n"
            "  layer: framework-f\n"
            '  allowed: runtime = "NAME" or frameworks = ["NAME", ...]'
        ),
    ),
    "an empty list of frameworks": (
        framework("f", []),
        (
            "frameworks[0].frameworks: neither a runtime nor a framework is given\n"
            "  layer: framework-f\n"
            '  allowed: runtime = "NAME" or frameworks = ["NAME", ...]'
        ),
    ),
    "an unknown runtime": (
        RUNTIME + framework("f", None).replace('"py"', '"pyy"'),
        (
            "frameworks[0].runtime: unknown runtime\n"
            "  layer: framework-f\n"
            "  found: 'pyy'\n"
            "  allowed: py\n"
            "  did you mean 'py'?"
        ),
    ),
    "an unknown runtime where there is none": (
        framework("f", None),
        (
            "frameworks[0].runtime: unknown runtime\n"
            "  layer: framework-f\n"
            "  found: 'py'\n"
            "  allowed: none: no runtime is declared"
        ),
    ),
    "a framework as a runtime": (
        RUNTIME + framework("f", None) + framework("g", None).replace('"py"', '"f"'),
        (
            "frameworks[1].runtime: unknown runtime: it is a framework\n"
            "  layer: framework-g\n"
            "  found: 'f'\n"
            "  allowed: py\n"
            '  hint: write frameworks = ["f"]'
        ),
    ),
    "an environment name as a framework": (
        RUNTIME + framework("sklearn", None) + framework("g", ["framework-sklearn"]),
        (
            "frameworks[1].frameworks[0]: unknown framework\n"
            "  layer: framework-g\n"
            "  found: 'framework-sklearn'\n"
            "  allowed: sklearn\n"
            "  did you mean 'sklearn'?"
        ),
    ),
    "an unknown framework": (
        RUNTIME + framework("sklearn", None) + framework("g", ["sklaern"]),
        (
            "frameworks[1].frameworks[0]: unknown framework\n"
            "  layer: framework-g\n"
            "  found: 'sklaern'\n"
            "  allowed: sklearn\n"
            "  did you mean 'sklearn'?"
        ),
    ),
    "a runtime as a framework": (
        RUNTIME + framework("f", ["py"]),
        (
            "frameworks[0].frameworks[0]: unknown framework: it is a runtime\n"
            "  layer: framework-f\n"
            "  found: 'py'\n"
            "  allowed: names of frameworks\n"
            '  hint: write runtime = "py"'
        ),
    ),
    "a framework on itself": (
        framework("f", ["f"]),
        (
            "frameworks[0].frameworks[0]: a framework cannot stand on itself\n"
            "  layer: framework-f\n"
            "  found: 'f'\n"
            "  allowed: another framework"
        ),
    ),
    "a framework named twice": (
        RUNTIME + framework("f", None) + framework("g", ["f", "f"]),
        (
            "frameworks[1].frameworks[1]: named twice\n"
            "  layer: framework-g\n"
            "  found: 'f'\n"
            "  allowed: each framework once"
        ),
    ),
    "a forward reference": (
        RUNTIME + framework("upper", ["lower"]) + framework("lower", None),
        (
            "frameworks[0].frameworks[0]: unknown framework: it is declared later, at "
            "frameworks[1]\n"
            "  layer: framework-upper\n"
            "  found: 'lower'\n"
            "  allowed: frameworks declared before this layer\n"
            "  hint: move that layer up"
        ),
    ),
    "a cycle": (
        RUNTIME + framework("a", ["c"]) + framework("b", ["a"]) + framework("c", ["b"]),
        (
            "frameworks[0].frameworks[0]: unknown framework: it is declared later, at "
            "frameworks[2]\n"
            "  layer: framework-a\n"
            "  found: 'c'\n"
            "  allowed: frameworks declared before this layer\n"
            "  hint: a -> c -> b -> a is a cycle"
        ),
    ),
    "frameworks on two runtimes": (
        RUNTIME
        + OTHER_RUNTIME
        + framework("new", None)
        + framework("old", None).replace('"py"', '"old"')
        + framework("both", ["new", "old"]),
        (
            "frameworks[2].frameworks[1]: inconsistent frameworks: they stand on different "
            "runtimes\n"
            "  layer: framework-both\n"
            "  found: 'old' on 'old'\n"
            "  allowed: frameworks on 'py', as 'new' is"
        ),
    ),
    "orders that contradict each other": (
        RUNTIME
        + framework("a", None)
        + framework("b", None)
        + framework("ab", ["a", "b"])
        + framework("ba", ["b", "a"])
        + framework("top", ["ab", "ba"]),
        (
            "frameworks[4].frameworks: linearization failed: the frameworks contradict each "
            "other's order\n"
            "  layer: framework-top\n"
            "  found: a before b; b before a\n"
            "  allowed: frameworks that are named in the same order wherever they are named"
        ),
    ),
    "a platform that the runtime lacks": (
        RUNTIME
        + 'platforms = ["linux_x86_64"]\n'
        + framework("f", None, 'platforms = ["linux_x86_64", "win_amd64"]'),
        (
            "frameworks[0].platforms[1]: target platform not supported by lower layers\n"
            "  layer: framework-f\n"
            "  found: 'win_amd64'\n"
            "  allowed: linux_x86_64\n"
            "  hint: py is for linux_x86_64 only"
        ),
    ),
}


@pytest.mark.parametrize("case", ONE_FAULT)
def test_one_fault(case, refusal, message):
    text, fault = ONE_FAULT[case]
    assert refusal(text) == message(fault)
