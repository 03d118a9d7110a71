from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ocistacks.errors import NotFoundError
from ocistacks.platforms import Platform
from ocistacks.spec.model import lower_layers, runtime_of
from ocistacks.spec.names import LayerKind

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["numpy>=2"]

[[frameworks]]
name = "base"
runtime = "py"
versioned = true
requirements = ["scipy ; sys_platform=='linux'"]
linux_target = "glibc@2.34"
macosx_target = "14"
dynlib_exclude = ["*_test.so"]

[[frameworks]]
name = "left"
frameworks = ["base"]
requirements = []

[[frameworks]]
name = "right"
frameworks = ["base"]
requirements = []

[[applications]]
name = "demo"
frameworks = ["left", "right"]
requirements = []
launch_module = "run.py"
support_modules = ["lib/tools", "../shared/extra.py"]
"""


@pytest.fixture
def stack(parse):
    return parse(STACK, modules=("run.py", "lib/tools", "/shared/extra.py"))


def test_layers_stand_in_build_order_under_their_environment_names(stack):
    assert [layer.environment_name for layer in stack.layers] == [
        "py",
        "framework-base",
        "framework-left",
        "framework-right",
        "app-demo",
    ]
    assert [layer.kind for layer in stack.layers] == [
        LayerKind.RUNTIME,
        *[LayerKind.FRAMEWORK] * 3,
        LayerKind.APPLICATION,
    ]
    assert [kind.plural for kind in LayerKind] == ["runtimes", "frameworks", "applications"]


def test_a_runtime_tells_its_python(stack):
    (runtime,) = stack.runtimes
    assert runtime.implementation == "cpython"
    assert runtime.python_version == "3.13.5"
    assert runtime.python_minor == "3.13"
    assert runtime.requirements == (Requirement("numpy>=2"),)
    assert lower_layers(runtime) == ()
    assert runtime_of(runtime) is runtime


def test_a_diamond_is_linearised_nearest_first(stack):
    application = stack.layer("app-demo")
    assert [layer.name for layer in lower_layers(application)] == ["left", "right", "base", "py"]
    assert runtime_of(application) is stack.runtimes[0]


def test_fields_are_taken_as_they_are_written(stack):
    base = stack.layer("framework-base")
    assert base.declared_requirements == ("scipy ; sys_platform=='linux'",)
    assert base.dynlib_exclude == ("*_test.so",)
    assert base.glibc_version == (2, 34)
    assert base.macosx_version == (14, 0)
    assert base.macosx_target == "14"
    assert base.install_target(3) == "framework-base@3"


def test_what_is_not_written_has_its_default(stack):
    left = stack.layer("framework-left")
    assert left.platforms == tuple(Platform)
    assert left.linux_target == left.declared_linux_target == "glibc@2.28"
    assert left.macosx_target == "13.0"
    assert left.install_target(3) == "framework-left"
    assert (dict(left.package_indexes), dict(left.index_overrides)) == ({}, {})
    assert left.priority_indexes == left.dynlib_exclude == ()
    assert stack.disabled == ()
    assert stack.warnings == ()
    assert stack.exclude_newer is None


def test_module_paths_are_absolute_and_support_modules_sorted(stack):
    application = stack.layer("app-demo")
    assert application.launch_module == Path("/stack/run.py")
    assert application.launch_module_name == "run"
    assert application.support_modules == (Path("/shared/extra.py"), Path("/stack/lib/tools"))


def test_a_bare_libc_is_the_default_version_and_stays_as_declared(parse):
    stack = parse(
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.11.13"\nrequirements = []\n'
        'linux_target = "glibc"\n'
    )
    (runtime,) = stack.runtimes
    assert (runtime.linux_target, runtime.declared_linux_target) == ("glibc@2.28", "glibc")


def test_the_environment_gives_the_default_macos_target(parse):
    stack = parse(
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.14.0rc1"\n'
        "requirements = []\n",
        environment={"MACOSX_DEPLOYMENT_TARGET": "12.3"},
    )
    assert stack.runtimes[0].macosx_version == (12, 3)


def test_names_may_hold_an_at_sign_and_a_dot(parse):
    stack = parse(
        '[[runtimes]]\nname = "cpython@3.12"\nversioned = true\nrequirements = []\n'
        'python_implementation = "cpython@3.12.9"\n'
    )
    assert stack.runtimes[0].install_target(2) == "cpython@3.12@2"


def test_a_layer_that_is_not_there_is_told_with_its_nearest_name(stack):
    with pytest.raises(NotFoundError) as caught:
        stack.layer("framework-lift")
    assert str(caught.value) == (
        "The stack has no such layer.\n"
        "  where: /stack/venvstacks.toml\n"
        "  found: 'framework-lift'\n"
        "  expected: py, framework-base, framework-left, framework-right, app-demo\n"
        "  hint: did you mean 'framework-left'?"
    )


def test_an_empty_file_is_an_empty_stack(parse):
    assert parse("").layers == ()


def test_a_long_chain_of_frameworks_is_read_and_printed_quickly(parse):
    tables = [
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\nrequirements = []\n',
        '[[frameworks]]\nname = "f0"\nruntime = "py"\nrequirements = []\n',
    ]
    tables += [
        f'[[frameworks]]\nname = "f{number}"\nframeworks = ["f{number - 1}"]\nrequirements = []\n'
        for number in range(1, 200)
    ]
    top = parse("".join(tables)).frameworks[-1]
    assert [layer.name for layer in lower_layers(top)][:2] == ["f198", "f197"]
    assert len(lower_layers(top)) == 200
    assert len(repr(top)) < 2000
    assert hash(top) != hash(top.frameworks[0])
