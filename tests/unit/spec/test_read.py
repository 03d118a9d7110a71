"""Reading a stack from files."""

import os

import pytest

from ocistacks.errors import NotFoundError, SpecError
from ocistacks.spec.read import LARGEST_FILE, read_stack

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[applications]]
name = "x"
runtime = "py"
requirements = []
launch_module = "package"
support_modules = ["../shared/extra.py"]
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "stack"
    (folder / "package").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "extra.py").write_text("")
    (folder / "venvstacks.toml").write_text(STACK)
    return folder


def test_a_stack_is_read_with_the_settings_beside_it(folder):
    (folder / "venvstacks.uv.toml").write_text('exclude-newer = "2025-01-01"')
    stack = read_stack(folder / "venvstacks.toml", environment={})
    assert stack.path == folder / "venvstacks.toml"
    assert stack.folder == folder
    assert stack.layer("app-x").launch_module == folder / "package"
    assert stack.layer("app-x").support_modules == (folder.parent / "shared" / "extra.py",)
    assert stack.uv_configuration == {"exclude-newer": "2025-01-02T00:00:00Z"}


def test_a_relative_path_and_the_process_environment_are_the_defaults(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OCISTACKS_BUILDER", "local")
    (folder / "link.toml").symlink_to("venvstacks.toml")
    stack = read_stack((folder / "link.toml").relative_to(folder))
    assert stack.path == folder / "link.toml"
    assert stack.settings.builder == "local"


def test_a_module_behind_a_broken_link_does_not_exist(folder):
    (folder / "package").rmdir()
    (folder / "package").symlink_to("nowhere")
    with pytest.raises(SpecError) as caught:
        read_stack(folder / "venvstacks.toml", environment={})
    assert str(caught.value) == (
        "venvstacks.toml has a fault.\n"
        "  applications[0].launch_module: the launch module does not exist\n"
        "    layer: app-x\n"
        "    found: 'package'\n"
        "    allowed: a .py file or package folder, its path from the stack's folder\n"
        f"  where: {folder / 'venvstacks.toml'}"
    )


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError) as caught:
        read_stack(tmp_path / "venvstacks.toml")
    assert str(caught.value) == (
        "There is no stack specification.\n"
        f"  where: {tmp_path / 'venvstacks.toml'}\n"
        "  hint: name the file, or the folder's venvstacks.toml, as the first argument"
    )


def refusal(path, content):
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_stack(path, environment={})
    return str(caught.value)


def test_what_is_no_toml_is_refused_with_its_place(tmp_path):
    path = tmp_path / "stack.toml"
    assert refusal(path, b"[[runtimes]\n") == (
        "stack.toml is not valid TOML.\n"
        f"  where: {path}\n"
        "  found: Expected ']]' at the end of an array declaration (at line 1, column 11)\n"
        "  expected: TOML 1.0"
    )
    assert refusal(path, b'name = "\xff"') == (
        "stack.toml is not UTF-8, as TOML must be.\n"
        f"  where: {path}\n"
        "  found: byte 0xff at offset 8\n"
        "  expected: UTF-8 text"
    )
    assert refusal(path, b"a = " + b"[" * 100_000).startswith("stack.toml is not valid TOML.\n")
    assert refusal(path, b"#" * (LARGEST_FILE + 1)) == (
        "stack.toml is too large to be a specification.\n"
        f"  where: {path}\n"
        "  expected: at most 4194304 bytes"
    )


def test_faults_in_the_file_beside_are_told_too(folder):
    (folder / "venvstacks.uv.toml").write_text("index = [")
    with pytest.raises(SpecError) as caught:
        read_stack(folder / "venvstacks.toml", environment={})
    assert caught.value.what == "venvstacks.uv.toml is not valid TOML."
    assert caught.value.where == str(folder / "venvstacks.uv.toml")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SpecError) as caught:
        read_stack(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path.name} cannot be read.\n"
        f"  where: {tmp_path}\n"
        f"  found: {os.strerror(21)}\n"
        "  expected: a file in TOML that can be read"
    )
