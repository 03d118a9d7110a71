"""Which layers are locked, and how much of what they had stays."""

from __future__ import annotations

import json

import pytest

from ocistacks.errors import LockError
from ocistacks.lock.changes import layer_changes
from ocistacks.lock.pin_pythons import pin_pythons
from ocistacks.lock.read import read_locks
from ocistacks.platforms import Platform

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["base"]
platforms = ["linux_x86_64", "win_amd64"]
[[frameworks]]
name = "low"
runtime = "py"
requirements = ["frame"]
[[frameworks]]
name = "side"
runtime = "py"
requirements = ["extra"]
[[applications]]
name = "run"
launch_module = "run.py"
frameworks = ["low", "side"]
requirements = ["frame", "own"]
"""
ALL = ("py", "framework-low", "framework-side", "app-run")
ONE = frozenset({"framework-side"})


@pytest.fixture
def four(stack, index):
    """A locked stack of four layers whose packages all have a newer release since."""
    for name in ("base", "extra", "own"):
        index.add(name, "1.0")
    index.add("frame", "1.0", requires=("base",))
    (stack.folder / "run.py").write_text("print('run')\n")
    stack.write(STACK)
    stack.lock()
    for name in ("base", "extra", "own", "frame"):
        index.add(name, "2.0")
    return stack


def made_by_venvstacks(stack):
    """Take from the metadata what ocistacks adds, so that the locks are as another tool's."""
    for path in stack.folder.glob("requirements/*/*.meta.json"):
        metadata = json.loads(path.read_text())
        del metadata["ocistacks"]
        path.write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")


def changed_files(stack, before):
    return {name for name, content in stack.snapshot().items() if before.get(name) != content}


def test_layers_that_are_not_selected_are_not_touched(four):
    before = four.snapshot()

    assert four.outcomes(selected=ONE, upgrade=True) == {"framework-side": "locked"}

    assert {name.split("/")[1] for name in changed_files(four, before)} == {"framework-side"}
    assert four.versions("framework-side") == {"extra": "2.0"}


def test_a_reset_lets_go_of_the_pins_of_one_layer(four):
    assert four.outcomes(reset=ONE) == {
        "py": "up to date",
        "framework-low": "up to date",
        "framework-side": "locked",
        "app-run": "up to date",
    }
    assert four.versions("framework-side") == {"extra": "2.0"}


def test_a_reset_forgets_a_lock_that_is_broken(four):
    [name] = ONE
    broken = four.folder / "requirements" / name / f"pylock.{name}.toml"
    whole = broken.read_text()
    broken.write_text("no lock at all")
    with pytest.raises(LockError, match="cannot be read"):
        four.lock()
    four.lock(reset=ONE)
    assert broken.read_text() != whole  # its packages are the newest
    assert four.versions(name) == {"extra": "2.0"}


def test_version_numbers_go_on_after_a_reset(four):
    four.write(STACK.replace('name = "side"', 'name = "side"\nversioned = true'))
    assert four.lock()["framework-side"].lock.install_target == "framework-side@2"

    assert four.lock(reset=ONE)["framework-side"].lock.install_target == "framework-side@3"


def test_another_tools_locks_are_taken_as_they_are_and_get_a_python(four, index):
    made_by_venvstacks(four)
    before = four.snapshot()
    index.asked.clear()
    every = frozenset(ALL)

    assert four.outcomes(selected=every, if_needed=every) == dict.fromkeys(ALL, "locked")

    assert index.asked == []
    changed = changed_files(four, before)
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in changed} == {"meta"}
    assert len(changed) == 4
    for layer in ALL:
        assert list(four.metadata(layer)["ocistacks"]["python"]) == ["linux_x86_64"]
    after = four.snapshot()
    assert four.outcomes(selected=every, if_needed=every) == dict.fromkeys(ALL, "up to date")
    assert four.snapshot() == after


def test_a_changed_layer_below_counts_for_another_tools_lock_that_uses_it(four):
    made_by_venvstacks(four)
    four.write(STACK.replace('["frame"]', '["frame>=2"]'))
    above = frozenset({"framework-side", "app-run"})

    outcomes = four.outcomes(if_needed=above | {"py"})

    assert outcomes["framework-low"] == "locked"
    assert four.versions("app-run") == {"frame": "2.0", "own": "1.0"}
    side = four.metadata("framework-side")["ocistacks"]
    assert "resolver_inputs_hash" not in side, "it uses nothing of what changed"
    assert "resolver_inputs_hash" in four.metadata("app-run")["ocistacks"]


def test_a_lock_of_all_resolves_another_tools_locks_again_and_keeps_their_versions(four, index):
    made_by_venvstacks(four)
    index.asked.clear()

    four.lock()

    assert index.asked != []
    assert four.versions("app-run") == {"base": "1.0", "frame": "1.0", "own": "1.0"}
    assert four.outcomes() == dict.fromkeys(ALL, "up to date")


def test_building_from_another_tools_locks_looks_for_a_python_once(four):
    made_by_venvstacks(four)
    four.pythons.asked.clear()
    platforms = (Platform.LINUX_X86_64,)

    locks = pin_pythons(read_locks(four.read()), platforms, four.pythons)

    assert [list(lock.pins) for lock in locks] == [list(platforms)] * 4
    assert four.pythons.asked == [("py", Platform.LINUX_X86_64)]
    recorded = read_locks(four.read())
    assert [lock.metadata for lock in recorded] == [lock.metadata for lock in locks]
    assert pin_pythons(recorded, platforms, four.pythons) == recorded
    assert four.pythons.asked == [("py", Platform.LINUX_X86_64)]


def test_clean_asks_the_index_although_nothing_changed(four, index):
    before = four.snapshot()
    index.asked.clear()

    assert four.outcomes(selected=ONE, clean=True) == {"framework-side": "unchanged"}

    assert "/simple/extra/" in index.asked
    assert four.snapshot() == before


@pytest.fixture
def wheels(four, index):
    """A folder of wheels beside the specification: a newer release than any index has."""
    folder = four.folder / "built"
    folder.mkdir()
    index.add("extra", "3.0")
    name = "extra-3.0-py3-none-any.whl"
    (folder / name).write_bytes(index.files[name])
    del index.projects["extra"][-1]
    return folder


def test_local_wheels_are_named_from_the_lock_and_an_index_is_not_asked(four, index, wheels):
    index.asked.clear()

    four.lock(
        selected=ONE, reset=ONE, no_index=True, local_wheels=(wheels.relative_to(four.folder),)
    )

    assert four.versions("framework-side") == {"extra": "3.0"}
    assert 'path = "../../built/extra-3.0-py3-none-any.whl"' in four.pylock("framework-side")
    assert str(four.folder) not in four.pylock("framework-side")
    assert index.asked == []
    assert four.outcomes() == dict.fromkeys(ALL, "up to date"), "also without the options"


def test_a_folder_of_wheels_that_is_not_there(four, wheels):
    with pytest.raises(LockError) as caught:
        four.lock(selected=ONE, reset=ONE, no_index=True, local_wheels=(four.folder / "none",))

    assert str(four.folder / "none") in str(caught.value)


def test_what_changed_is_told_with_sizes(four, index):
    (entry,) = [one for one in index.projects["extra"] if "2.0" in one["filename"]]
    four.write(STACK.replace('["extra"]', '["extra>=2", "own"]'))

    changes = layer_changes(four.lock(selected=ONE)["framework-side"])

    old, new = index.projects["extra"][0]["size"], entry["size"]
    own = index.projects["own"][0]["size"]
    assert str(changes) == (
        "framework-side: locked\n"
        f"  ~ extra 1.0 ({old} bytes) -> 2.0 ({new} bytes)\n"
        f"  + own 2.0 ({own} bytes)"
    )
    assert changes.to_json() == {
        "layer": "framework-side",
        "outcome": "locked",
        "packages": [
            {
                "name": "extra",
                "before": {"version": "1.0", "size": old},
                "after": {"version": "2.0", "size": new},
            },
            {"name": "own", "before": None, "after": {"version": "2.0", "size": own}},
        ],
        "pythons": [],
    }
    four.write(STACK.replace('["extra"]', "[]"))
    gone = layer_changes(four.lock(selected=ONE)["framework-side"])
    assert str(gone).splitlines()[1:] == [
        f"  - extra 2.0 ({new} bytes)",
        f"  - own 2.0 ({own} bytes)",
    ]
