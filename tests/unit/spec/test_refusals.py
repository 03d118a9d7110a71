"""Each way in which a specification can be wrong, and the whole message that says so."""

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


def message(*faults):
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"venvstacks.toml has {count}."]
    lines += [f"  {line}" for fault in faults for line in fault.splitlines()]
    return "\n".join([*lines, "  where: /stack/venvstacks.toml"])


LAYER_FIELDS = (
    "name, requirements, platforms, versioned, linux_target, macosx_target, dynlib_exclude, "
    "package_indexes, index_overrides, priority_indexes"
)
PLATFORMS = "linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64, win_arm64"

ONE_FAULT = {
    "an unknown field": (
        RUNTIME + '[[frameworks]]\nname = "f"\nruntime = "py"\nrequirments = []\nrequirements = []',
        (
            "frameworks[0].requirments: unknown field\n"
            "  layer: framework-f\n"
            "  found: 'requirments'\n"
            f"  allowed: {LAYER_FIELDS}, runtime, frameworks\n"
            "  did you mean 'requirements'?"
        ),
    ),
    "no name": (
        '[[runtimes]]\npython_implementation = "cpython@3.13.5"\nrequirements = []',
        "runtimes[0].name: missing field\n  allowed: The layer's name.",
    ),
    "no requirements": (
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"',
        (
            "runtimes[0].requirements: missing field\n"
            "  layer: py\n"
            "  allowed: The packages to install, as dependency specifiers; may be empty."
        ),
    ),
    "a name that cannot be a folder's": (
        RUNTIME.replace('"py"', '"a/b"'),
        (
            "runtimes[0].name: the name holds a slash, a backslash or a control character\n"
            "  layer: a/b\n"
            "  found: 'a/b'\n"
            "  allowed: a name that can be a folder's name"
        ),
    ),
    "an invalid requirement": (
        RUNTIME.replace("[]", '["numpy", "a<>"]'),
        (
            "runtimes[0].requirements[1]: invalid requirement syntax: Expected semicolon (after "
            "name with no version specifier) or end\n"
            "  layer: py\n"
            "  found: 'a<>'\n"
            "  allowed: a dependency specifier, such as 'numpy>=2; sys_platform == \"linux\"'"
        ),
    ),
    "a wrong type": (
        RUNTIME + 'versioned = "no"',
        "runtimes[0].versioned: wrong type\n  layer: py\n  found: 'no'\n  allowed: true or false",
    ),
    "an unknown platform": (
        RUNTIME + 'platforms = ["linux_x86"]',
        (
            "runtimes[0].platforms[0]: unknown platform\n"
            "  layer: py\n"
            "  found: 'linux_x86'\n"
            f"  allowed: {PLATFORMS}\n"
            "  did you mean 'linux_x86_64'?"
        ),
    ),
    "an unknown libc": (
        RUNTIME + 'linux_target = "musl"',
        (
            "runtimes[0].linux_target: not a Linux target\n"
            "  layer: py\n"
            "  found: 'musl'\n"
            "  allowed: 'glibc' or 'glibc@X.Y', such as 'glibc@2.28'"
        ),
    ),
    "a macOS version that is none": (
        RUNTIME + 'macosx_target = "sonoma"',
        (
            "runtimes[0].macosx_target: not a macOS target\n"
            "  layer: py\n"
            "  found: 'sonoma'\n"
            "  allowed: 'X' or 'X.Y', such as '13.0'"
        ),
    ),
    "a Python without its full version": (
        RUNTIME.replace("@3.13.5", "@3.13"),
        (
            "runtimes[0].python_implementation: not a Python implementation\n"
            "  layer: py\n"
            "  found: 'cpython@3.13'\n"
            "  allowed: 'cpython@X.Y.Z' or 'pypy@X.Y.Z', such as 'cpython@3.13.5'"
        ),
    ),
    "one table where there are several": (
        '[runtimes]\nname = "py"',
        (
            "runtimes: wrong type\n"
            "  found: a table\n"
            "  allowed: an array of tables\n"
            "  hint: write [[runtimes]], not [runtimes]"
        ),
    ),
    "a layer that is no table": (
        "runtimes = [3]",
        "runtimes[0]: wrong type\n  found: 3\n  allowed: a table",
    ),
    "layers that are a number": (
        "runtimes = 3",
        "runtimes: wrong type\n  found: 3\n  allowed: an array of tables",
    ),
    "tools that are no table": ("tool = 3", "tool: wrong type\n  found: 3\n  allowed: a table"),
    "a tool that is no table": (
        "[tool]\nuv = 3",
        "tool.uv: wrong type\n  found: 3\n  allowed: a table",
    ),
    "a slip in a table's name": (
        '[[framework]]\nname = "f"',
        (
            "framework: unknown table\n"
            "  found: 'framework'\n"
            "  allowed: runtimes, frameworks, applications, tool\n"
            "  did you mean 'frameworks'?"
        ),
    ),
    "a slip in the settings' name": (
        "[tool.ocistack]\nbytecode = true",
        (
            "tool.ocistack: unknown table\n"
            "  found: 'ocistack'\n"
            "  allowed: ocistacks, uv\n"
            "  did you mean 'ocistacks'?"
        ),
    ),
    "a name twice": (
        RUNTIME + RUNTIME,
        (
            "runtimes[1].name: names must be distinct\n"
            "  found: 'py', whose folder 'py' is that of runtimes[0] too\n"
            "  allowed: a name that gives the layer a folder of its own"
        ),
    ),
    "a runtime's name that is an application's folder": (
        RUNTIME.replace('"py"', '"app-x"')
        + '[[applications]]\nname = "x"\nruntime = "app-x"\nrequirements = []\n'
        'launch_module = "run.py"',
        (
            "applications[0].name: names must be distinct\n"
            "  found: 'x', whose folder 'app-x' is that of runtimes[0] too\n"
            "  allowed: a name that gives the layer a folder of its own"
        ),
    ),
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
def test_one_fault(case, refusal):
    text, fault = ONE_FAULT[case]
    assert refusal(text) == message(fault)


def test_all_faults_are_told_at_once_and_none_that_follows_from_another(refusal):
    text = (
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython"\nrequirements = []\n'
        'package_indexes = { torch = "gpu" }\n'
        '[[frameworks]]\nname = "f"\nruntime = "nope"\nrequirements = 3\n'
        '[[frameworks]]\nname = "g"\nframeworks = ["f"]\nrequirements = []\n'
        '[[applications]]\nname = "x"\nframeworks = ["g"]\nrequirements = []\n'
        'launch_module = "run.py"\nsupport_modules = ["gone.py"]\n'
        "[tool.ocistacks]\ncompresion = 3\n"
    )
    assert refusal(text) == message(
        "runtimes[0].python_implementation: not a Python implementation\n"
        "  layer: py\n"
        "  found: 'cpython'\n"
        "  allowed: 'cpython@X.Y.Z' or 'pypy@X.Y.Z', such as 'cpython@3.13.5'",
        "frameworks[0].requirements: wrong type\n"
        "  layer: framework-f\n"
        "  found: 3\n"
        "  allowed: an array",
        "runtimes[0].package_indexes.torch: unknown package index\n"
        "  layer: py\n"
        "  found: 'gpu'\n"
        "  allowed: none: no package index is declared",
        "frameworks[0].runtime: unknown runtime\n"
        "  layer: framework-f\n"
        "  found: 'nope'\n"
        "  allowed: py",
        "applications[0].support_modules[0]: the support module does not exist\n"
        "  layer: app-x\n"
        "  found: 'gone.py'\n"
        "  allowed: a .py file or package folder, its path from the stack's folder",
        "tool.ocistacks.compresion: unknown field\n"
        "  found: 'compresion'\n"
        "  allowed: repository, layer_repository, base_image, compression, compression_level, "
        "bytecode, python_sources, platforms, builder\n"
        "  did you mean 'compression'?",
    )


def test_a_flood_of_faults_is_cut(refusal):
    text = refusal("".join(f"[[runtimes]]\nname = 'r{n}'\n" for n in range(40)))
    assert text.startswith("venvstacks.toml has 80 faults.\n")
    assert text.endswith("  and 30 more\n  where: /stack/venvstacks.toml")


def test_what_is_shown_of_a_value_is_cut_and_free_of_credentials(refusal):
    url = "https://user:hunter2@example.org/" + "x" * 999
    text = refusal(RUNTIME.replace("[]", f'["< {url}"]'))
    assert "hunter2" not in text
    assert "https://***@example.org/xxx" in text
    assert len(text) < 800
