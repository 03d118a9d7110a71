"""Deployments: folders of hard links, changed in steps that a kill cannot tear."""

import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest

from ocistacks.deploy.deployment import (
    LOCK_FILE,
    RECORD_FILE,
    Deployment,
    DeploymentOptions,
    read_deployment,
    write_deployment,
)
from ocistacks.digests import Digest
from ocistacks.errors import TargetError

ONE, TWO, THREE = (Digest.of_bytes(text) for text in (b"one", b"two", b"three"))


@pytest.fixture
def make_tree(tmp_path):
    """A function that makes a layer's tree as it lies in the store."""

    def make(name, content, files=3):
        tree = tmp_path / "store" / content / name
        (tree / "bin").mkdir(parents=True)
        (tree / "bin" / "python").symlink_to("../../runtime/bin/python3.13")
        for number in range(files):
            path = tree / f"file-{number}"
            path.write_text(content)
            path.chmod(0o444)
        return tree

    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_layers_are_linked_and_an_equal_deployment_is_left_alone(make_tree, tmp_path):
    target = tmp_path / "target"
    trees = {"a": (ONE, make_tree("a", "one")), "b": (TWO, make_tree("b", "two"))}
    assert write_deployment(target, trees) == {"a", "b"}
    assert names(target) == ["a", "b"]
    assert (target / "a" / "file-0").samefile(trees["a"][1] / "file-0")
    link = target / "a" / "bin" / "python"
    assert str(link.readlink()) == "../../runtime/bin/python3.13"
    assert read_deployment(target) == Deployment(layers={"a": ONE, "b": TWO})

    before = (target / RECORD_FILE).stat().st_mtime_ns
    assert write_deployment(target, trees) == frozenset()
    assert (target / RECORD_FILE).stat().st_mtime_ns == before


def test_only_what_differs_is_changed(make_tree, tmp_path):
    target = tmp_path / "target"
    kept = make_tree("a", "one")
    write_deployment(target, {"a": (ONE, kept), "b": (TWO, make_tree("b", "two"))})
    folder = (target / "a").stat().st_ino
    assert write_deployment(target, {"a": (ONE, kept), "c": (THREE, make_tree("c", "three"))}) == {
        "c"
    }
    assert names(target) == ["a", "c"]
    assert (target / "a").stat().st_ino == folder

    assert write_deployment(target, {"a": (TWO, make_tree("a", "newer"))}) == {"a"}
    assert (target / "a" / "file-0").read_text() == "newer"
    assert names(target) == ["a"]


def test_a_layer_that_somebody_removed_is_made_again(make_tree, tmp_path):
    target = tmp_path / "target"
    trees = {"a": (ONE, make_tree("a", "one")), "b": (TWO, make_tree("b", "two"))}
    write_deployment(target, trees)
    shutil.rmtree(target / "a")
    assert write_deployment(target, trees) == {"a"}
    assert names(target) == ["a", "b"]


def test_copies_are_writable_and_share_nothing_with_the_store(make_tree, tmp_path):
    tree, target = make_tree("a", "one"), tmp_path / "target"
    write_deployment(target, {"a": (ONE, tree)})
    options = DeploymentOptions(copy=True, renew=frozenset({"a"}))
    assert write_deployment(target, {"a": (ONE, tree)}, options=options) == {"a"}
    copied = target / "a" / "file-0"
    assert not copied.samefile(tree / "file-0")
    assert stat.S_IMODE(copied.stat().st_mode) == 0o644
    assert (target / "a" / "bin" / "python").is_symlink()
    assert stat.S_IMODE((tree / "file-0").stat().st_mode) == 0o444


def test_what_may_lie_beside_is_left_and_taken_over_by_name(make_tree, tmp_path):
    target = tmp_path / "target"
    for name in ("a", "old", "notes"):
        (target / name).mkdir(parents=True)
        (target / name / "theirs").touch()
    options = DeploymentOptions(beside=frozenset({"a", "old", "notes"}))
    assert write_deployment(target, {"a": (ONE, make_tree("a", "one"))}, options=options) == {"a"}
    assert names(target) == ["a", "notes", "old"]
    assert not (target / "a" / "theirs").exists()
    assert (target / "old" / "theirs").exists()


def test_a_folder_of_somebody_else_is_refused_untouched(make_tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("mine")
    with pytest.raises(TargetError) as raised:
        write_deployment(target, {"a": (ONE, make_tree("a", "one"))})
    assert str(raised.value) == (
        "The target folder is not empty, and no deployment of ocistacks.\n"
        f"  where: {target}\n"
        "  found: mine\n"
        "  expected: an empty folder, or none\n"
        "  hint: choose another folder"
    )
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_file_is_refused(make_tree, tmp_path):
    target = tmp_path / "target"
    target.write_text("")
    with pytest.raises(TargetError) as raised:
        write_deployment(target, {"a": (ONE, make_tree("a", "one"))})
    assert raised.value.found == "a file"


WRITER = """
import sys
from pathlib import Path
from ocistacks.deploy.deployment import write_deployment
from ocistacks.digests import Digest
tree, target = map(Path, sys.argv[1:])
print("ready", flush=True)
write_deployment(target, {"a": (Digest.of_bytes(b"one"), tree)})
"""


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2])
def test_a_killed_writer_leaves_what_the_next_one_completes(make_tree, tmp_path, seconds):
    tree, target = make_tree("a", "one", files=3000), tmp_path / "target"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tree, target], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    write_deployment(target, {"a": (ONE, tree)})
    assert len(list((target / "a").iterdir())) == 3001
    assert {path.name for path in target.iterdir()} == {"a", RECORD_FILE, LOCK_FILE}


def test_what_a_writer_left_that_was_killed_at_its_end_goes(make_tree, tmp_path):
    tree, target = make_tree("a", "one"), tmp_path / "target"
    write_deployment(target, {"a": (ONE, tree)})
    (target / ".incoming-abcdef" / "a.old").mkdir(parents=True)
    (target / f".{RECORD_FILE}.abcdef").touch()
    assert write_deployment(target, {"a": (ONE, tree)}) == frozenset()
    assert {path.name for path in target.iterdir()} == {"a", RECORD_FILE, LOCK_FILE}


def test_a_writer_killed_at_its_first_file_is_no_stranger(make_tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / LOCK_FILE).touch()
    (target / f".{RECORD_FILE}.abcdef").touch()
    (target / ".incoming-abcdef").mkdir()
    with pytest.raises(TargetError):
        read_deployment(target)
    (target / ".incoming-abcdef").rmdir()  # it is made after the record, never before
    assert write_deployment(target, {"a": (ONE, make_tree("a", "one"))}) == {"a"}
    assert {path.name for path in target.iterdir()} == {"a", RECORD_FILE, LOCK_FILE}


def test_two_writers_take_turns(make_tree, tmp_path):
    tree, target = make_tree("a", "one", files=1000), tmp_path / "target"
    command = [sys.executable, "-c", WRITER, tree, target]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(list((target / "a").iterdir())) == 1001
    assert {path.name for path in target.iterdir()} == {"a", RECORD_FILE, LOCK_FILE}
