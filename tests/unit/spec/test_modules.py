"""Launch and support modules: where they are, and that their import names differ."""

import pytest

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[applications]]
name = "x"
runtime = "py"
requirements = []
"""


def told(*faults):
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return f"venvstacks.toml has {count}.\n{''.join(faults)}  where: /stack/venvstacks.toml"


def conflict(position, name, other, found):
    return (
        f"  applications[0].support_modules[{position}]: the import name {name!r} conflicts with "
        f"that of {other}\n"
        "    layer: app-x\n"
        f"    found: {found}\n"
        "    allowed: modules with different names\n"
    )


def test_a_support_module_cannot_have_the_launch_modules_name(refusal):
    text = STACK + 'launch_module = "name.py"\nsupport_modules = ["lib/name"]'
    assert refusal(text, modules=("name.py", "lib/name")) == told(
        conflict(0, "name", "the launch module", "'lib/name' and 'name.py'")
    )


def test_modules_are_looked_for_where_platforms_are_refused_too(refusal):
    text = STACK.replace("requirements = []\n[[app", "requirements = []\nplatforms = []\n[[app")
    text += 'launch_module = "gone.py"\nplatforms = ["win_amd64"]'
    on = text.replace("platforms = []", 'platforms = ["linux_x86_64"]')
    assert "the launch module does not exist" in refusal(on, modules=())
    assert "not supported by lower layers" in refusal(on, modules=())


def test_two_support_modules_cannot_have_one_name(refusal):
    text = STACK + 'launch_module = "run.py"\nsupport_modules = ["a.py", "lib/a", "b.py"]'
    assert refusal(text, modules=("run.py", "a.py", "lib/a", "b.py")) == told(
        conflict(1, "a", "another support module", "'lib/a' and 'a.py'")
    )


def test_missing_modules_are_told_with_the_nearest_file(refusal):
    text = STACK + 'launch_module = "lib/launcher"\nsupport_modules = ["toolz.py", "gone.py"]'
    rest = "    allowed: a .py file or package folder, its path from the stack's folder\n"
    assert refusal(text, modules=("lib/launchers", "tools.py")) == told(
        "  applications[0].launch_module: the launch module does not exist\n"
        "    layer: app-x\n"
        f"    found: 'lib/launcher'\n{rest}"
        "    did you mean 'lib/launchers'?\n",
        "  applications[0].support_modules[0]: the support module does not exist\n"
        "    layer: app-x\n"
        f"    found: 'toolz.py'\n{rest}"
        "    did you mean 'tools.py'?\n",
        "  applications[0].support_modules[1]: the support module does not exist\n"
        "    layer: app-x\n"
        f"    found: 'gone.py'\n{rest}",
    )


def test_no_launch_module_is_one_fault(refusal):
    assert refusal(STACK + 'support_modules = ["unknown.py"]', modules=("unknown.py",)) == told(
        "  applications[0].launch_module: missing field\n"
        "    layer: app-x\n"
        "    allowed: The path of the module or package that is run, from the stack's folder.\n"
    )


@pytest.mark.parametrize("path", ["lib/", "./lib/.", "lib//", "x/../lib"])
def test_a_package_may_be_written_in_other_ways(parse, path):
    stack = parse(STACK + f'launch_module = "{path}"', modules=("lib",))
    application = stack.layer("app-x")
    assert application.launch_module.as_posix() == "/stack/lib"
    assert application.launch_module_name == "lib"


@pytest.mark.parametrize("path", ["", ".", "..", "/", "lib/..", "lib/../"])
def test_what_is_no_path_of_a_module_is_refused(refusal, path):
    assert refusal(STACK + f'launch_module = "{path}"') == told(
        "  applications[0].launch_module: not the path of a module\n"
        "    layer: app-x\n"
        f"    found: {path!r}\n"
        "    allowed: the path of a .py file or package folder, from the stack's folder\n"
    )
