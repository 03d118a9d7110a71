"""Which files of a module are taken; work trees are made by git itself."""

import os
import shutil
import subprocess

import pytest

from ocistacks.errors import SpecError
from ocistacks.spec.source_filter import walk_module


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def git(folder, *arguments):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def taken(module):
    return [
        (folder.relative_to(module).as_posix(), [file.name for file in files])
        for folder, files in walk_module(module)
    ]


@pytest.fixture
def module(tmp_path):
    """A package with compiled files, logs and a folder of output."""
    folder = tmp_path / "package"
    write(folder, "b.py", "a.py", "run.log", "keep.log", "sub/c.py", "sub/out/d.txt")
    write(folder, "__pycache__/a.pyc", "sub/__pycache__/c.pyc", ".gitkeep")
    return folder


def test_without_version_control_only_compiled_files_are_left_out(module):
    assert taken(module) == [
        (".", [".gitkeep", "a.py", "b.py", "keep.log", "run.log"]),
        ("sub", ["c.py"]),
        ("sub/out", ["d.txt"]),
    ]


def test_a_work_tree_leaves_out_what_git_ignores_at_any_level(module, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n__pycache__/\n")
    (module / "sub" / ".gitignore").write_text("/out/\n")
    (tmp_path / ".git" / "info" / "exclude").write_text("b.py\n")
    assert taken(module) == [(".", ["a.py", "keep.log"]), ("sub", ["c.py"])]


def test_a_tracked_file_is_taken_though_a_rule_ignores_it(module, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.log\n__pycache__/\n")
    git(tmp_path, "add", "--force", "package/run.log")
    assert taken(module)[0] == (".", ["a.py", "b.py", "run.log"])


def test_git_agrees_about_what_is_ignored(module, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("**/out\n*.l[o]g\n!package/keep.*\n__pycache__\n")
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "package"],
        cwd=tmp_path,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    ours = [
        file.relative_to(tmp_path).as_posix() for _, files in walk_module(module) for file in files
    ]
    assert sorted(ours) == sorted(name for name in listed if ".git" not in name)


def test_a_second_work_tree_of_a_repository_has_the_same_rules(module, tmp_path):
    repository, second = tmp_path / "repository", tmp_path / "second"
    repository.mkdir()
    git(repository, "init", "-q")
    write(repository, "package/a.py")
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", ".")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    git(repository, *identity, "commit", "-q", "-m", "x")
    git(repository, "worktree", "add", "-q", str(second))
    (repository / ".git" / "info" / "exclude").write_text("*.tmp\n")
    write(second, "package/x.log", "package/x.tmp")
    assert taken(second / "package") == [(".", ["a.py"])]


def test_an_empty_git_folder_is_no_work_tree(module, tmp_path):
    (tmp_path / ".git").mkdir()
    assert taken(module)[0][1] == [".gitkeep", "a.py", "b.py", "keep.log", "run.log"]


def test_links_to_folders_are_not_followed(module):
    shutil.rmtree(module / "sub")
    (module / "loop").symlink_to(module)
    (module / "link.py").symlink_to("a.py")
    (module / "broken.py").symlink_to("gone.py")
    expected = [".gitkeep", "a.py", "b.py", "keep.log", "link.py", "run.log"]
    assert taken(module) == [(".", expected)]


def test_a_module_that_git_ignores_is_refused(module, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("package/\n")
    with pytest.raises(SpecError) as caught:
        taken(module)
    assert str(caught.value) == (
        "A module of the stack is left out of version control, so that it would be empty.\n"
        f"  where: {module}\n"
        "  expected: a package folder that git does not ignore\n"
        "  hint: except it in .gitignore"
    )


def test_a_broken_index_is_told(module, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "index").write_bytes(b"no index at all, but long enough to be one")
    with pytest.raises(SpecError) as caught:
        taken(module)
    lines = str(caught.value).splitlines()
    assert lines[0] == "It cannot be told which files of the stack's modules git ignores."
    assert lines[1] == f"  where: {tmp_path / '.git'}"
    assert lines[3] == "  expected: the metadata of a git work tree"
