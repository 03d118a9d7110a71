"""Each way in which a specification can be wrong, and the whole message that says so."""

import pytest

RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
"""

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
    "a libc version that is none": (
        RUNTIME + 'linux_target = "glibc@235"',
        (
            "runtimes[0].linux_target: not a Linux target\n"
            "  layer: py\n"
            "  found: 'glibc@235'\n"
            "  allowed: 'glibc' or 'glibc@X.Y', such as 'glibc@2.28'"
        ),
    ),
    "no Python": (
        '[[runtimes]]\nname = "py"\nrequirements = []',
        (
            "runtimes[0].python_implementation: missing field\n"
            "  layer: py\n"
            "  allowed: The Python interpreter: cpython@X.Y.Z."
        ),
    ),
    "another Python implementation": (
        RUNTIME.replace("cpython@", "graalpy@"),
        (
            "runtimes[0].python_implementation: not a Python implementation\n"
            "  layer: py\n"
            "  found: 'graalpy@3.13.5'\n"
            "  allowed: 'cpython@X.Y.Z', such as 'cpython@3.13.5'"
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
            "  allowed: 'cpython@X.Y.Z', such as 'cpython@3.13.5'"
        ),
    ),
    "a Python written in another way": (
        RUNTIME.replace("cpython@3.13.5", "CPython-3.13.5"),
        (
            "runtimes[0].python_implementation: not a Python implementation\n"
            "  layer: py\n"
            "  found: 'CPython-3.13.5'\n"
            "  allowed: 'cpython@X.Y.Z', such as 'cpython@3.13.5'\n"
            "  did you mean 'cpython@3.13.5'?"
        ),
    ),
    "PyPy": (
        RUNTIME.replace("cpython@3.13.5", "pypy@3.11.13"),
        (
            "runtimes[0].python_implementation: PyPy is not supported\n"
            "  layer: py\n"
            "  found: 'pypy@3.11.13'\n"
            "  allowed: 'cpython@X.Y.Z', such as 'cpython@3.13.5'\n"
            "  hint: platforms = [] switches the runtime off, and all that stands on it"
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
    "a framework's name twice": (
        RUNTIME + '[[frameworks]]\nname = "f"\nruntime = "py"\nrequirements = []\n' * 2,
        (
            "frameworks[1].name: names must be distinct\n"
            "  found: 'f', whose folder 'framework-f' is that of frameworks[0] too\n"
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
}


@pytest.mark.parametrize("case", ONE_FAULT)
def test_one_fault(case, refusal, message):
    text, fault = ONE_FAULT[case]
    assert refusal(text) == message(fault)


def test_all_faults_are_told_at_once_and_none_that_follows_from_another(refusal, message):
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
        "  allowed: 'cpython@X.Y.Z', such as 'cpython@3.13.5'",
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
        "bytecode, python_sources, platforms, builder, layers\n"
        "  did you mean 'compression'?",
    )


def test_what_stands_on_a_layer_with_a_wrong_name_is_not_at_fault(refusal):
    text = RUNTIME + "".join(
        f'[[frameworks]]\nname = "{name}"\n{below}\nrequirements = []\n'
        for name, below in {
            "a/b": 'runtime = "py"',
            "c/d": 'runtime = "py"',
            "e": 'frameworks = ["a/b", "c/d"]',
        }.items()
    )
    assert [line for line in refusal(text).splitlines() if line.startswith("  frameworks")] == [
        "  frameworks[0].name: the name holds a slash, a backslash or a control character",
        "  frameworks[1].name: the name holds a slash, a backslash or a control character",
    ]


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
