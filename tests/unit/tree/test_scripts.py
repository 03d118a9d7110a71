"""Which scripts are rewritten, and to what."""

from pathlib import Path

import pytest

from ocistacks.tree.scripts import make_scripts_relocatable

PYTHON = Path("/build folder/python/bin/python3.13")
HEADER = (
    "#!/bin/sh\n"
    """'''exec' "$(dirname -- "$(realpath -- "$0")")/python3.13" "$0" "$@"\n"""
    "' '''\n"
)
THROUGH_SHELL = "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''\n"


def rewritten(folder, content):
    script = folder / "script"
    script.write_text(content)
    make_scripts_relocatable(folder, PYTHON, "python3.13")
    return script.read_text()


@pytest.mark.parametrize(
    "header", [f"#!{PYTHON}\n", THROUGH_SHELL.format(f"'{PYTHON}'")], ids=["direct", "shell"]
)
def test_scripts_of_the_build_interpreter_use_their_neighbour(tmp_path, header):
    assert rewritten(tmp_path, f"{header}import this\n") == f"{HEADER}import this\n"


@pytest.mark.parametrize(
    "content",
    [
        "#!/usr/bin/env python3\nimport this\n",
        "#!/build folder/python/bin/perl\n",
        "#!/build folder/python/bin/python3\n",
        "#!/bin/sh\nexec true\n",
        THROUGH_SHELL.format("'/usr/bin/python3'"),
        THROUGH_SHELL.format("'unbalanced"),
        "import this\n",
        "",
    ],
)
def test_other_files_stay_as_they_are(tmp_path, content):
    assert rewritten(tmp_path, content) == content


def test_links_folders_and_large_files_stay(tmp_path):
    large = f"#!{PYTHON}\n" + "#" * (1 << 20)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert rewritten(tmp_path, large) == large
    assert (tmp_path / "link").readlink() == Path("folder")


def test_a_tree_without_scripts_is_no_fault(tmp_path):
    make_scripts_relocatable(tmp_path / "bin", PYTHON, "python3.13")
    assert not (tmp_path / "bin").exists()
