"""What a wheel declares as scripts."""

import zipfile

import pytest

from ocistacks.errors import BuildError
from ocistacks.request.model import ScriptInput
from ocistacks.tree.entry_points import console_scripts


@pytest.fixture
def declared(tmp_path):
    """A function from the text of a wheel's entry points to its scripts."""

    def declared(text, *, folder="demo-1.0.dist-info"):
        path = tmp_path / "demo-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{folder}/entry_points.txt", text)
        return console_scripts(path, path.name)

    return declared


def test_console_and_gui_scripts_are_scripts_and_plugins_are_not(declared):
    text = "[console_scripts]\nDemo-run = demo.cli:main.start [extra]\n"
    text += "[gui_scripts]\nshow = demo:show\n[other.plugins]\nx = demo:x\n"
    assert declared(text) == (
        ScriptInput(name="Demo-run", module="demo.cli", attribute="main.start"),
        ScriptInput(name="show", module="demo", attribute="show"),
    )


def test_a_wheel_without_entry_points_has_no_scripts(declared):
    assert declared("[console_scripts]\nx = x:x\n", folder="demo-1.0.data") == ()


@pytest.mark.parametrize(
    "line", ["../up = demo:main", "x = demo", "x = demo:main()", "-x = demo:main", "x = os; y:z"]
)
def test_what_cannot_be_a_script_is_refused(declared, line):
    with pytest.raises(BuildError) as caught:
        declared(f"[console_scripts]\n{line}\n")
    assert str(caught.value) == (
        "A wheel declares what cannot be a console script.\n"
        "  where: demo-1.0-py3-none-any.whl\n"
        f"  found: {line}\n"
        "  expected: NAME = module:attribute\n"
        "  hint: leave the package out of the layer, or lock another version"
    )


def test_what_is_no_declaration_is_refused(declared):
    with pytest.raises(BuildError, match="A wheel's entry points cannot be read"):
        declared("no section\n")


def test_what_is_no_wheel_is_refused(tmp_path):
    path = tmp_path / "demo.whl"
    path.write_text("not an archive")
    with pytest.raises(BuildError) as caught:
        console_scripts(path, path.name)
    assert str(caught.value) == (
        "A wheel cannot be read.\n  where: demo.whl\n  found: File is not a zip file"
    )
