"""What locking again does: nothing without a reason, and nothing to layers without one."""

from __future__ import annotations

import tomllib

import pytest

from ocistacks.platforms import Platform

RUNTIME = """
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = ["base"]
platforms = ["linux_x86_64", "win_amd64"]
"""
FRAMEWORK = """
[[frameworks]]
name = "middle"
runtime = "cpython-3.13"
requirements = ["frame"]
"""
APPLICATION = """
[[applications]]
name = "run"
launch_module = "run.py"
frameworks = ["middle"]
requirements = ["frame", "extra"]
"""
ALL = ("cpython-3.13", "framework-middle", "app-run")


@pytest.fixture
def three(stack, index):
    """A stack of three layers, not yet locked."""
    index.add("base", "1.0")
    index.add("frame", "1.0", requires=("base",))
    index.add("extra", "1.0")
    (stack.folder / "run.py").write_text("print('run')\n")
    stack.write(RUNTIME + FRAMEWORK + APPLICATION)
    return stack


def all_are(outcome, names=ALL):
    return dict.fromkeys(names, outcome)


def test_the_first_lock_writes_upstreams_four_files_for_each_layer(three):
    assert three.outcomes() == all_are("locked")
    assert list(three.snapshot()) == [
        "requirements/app-run/packages-app-run.txt",
        "requirements/app-run/pylock.app-run.meta.json",
        "requirements/app-run/pylock.app-run.toml",
        "requirements/app-run/requirements-app-run.in",
        "requirements/cpython-3.13/packages-cpython-3.13.txt",
        "requirements/cpython-3.13/pylock.cpython-3_13.meta.json",
        "requirements/cpython-3.13/pylock.cpython-3_13.toml",
        "requirements/cpython-3.13/requirements-cpython-3_13.in",
        "requirements/framework-middle/packages-framework-middle.txt",
        "requirements/framework-middle/pylock.framework-middle.meta.json",
        "requirements/framework-middle/pylock.framework-middle.toml",
        "requirements/framework-middle/requirements-framework-middle.in",
    ]


def test_locking_twice_asks_nobody_and_rewrites_nothing(three, index):
    three.lock()
    before = three.snapshot()
    index.asked.clear()
    three.pythons.asked.clear()

    assert three.outcomes() == all_are("up to date")

    assert three.snapshot() == before
    assert index.asked == []
    assert three.pythons.asked == []


def test_a_lost_summary_is_written_again(three):
    three.lock()
    summary = three.folder / "requirements/app-run/packages-app-run.txt"
    content = summary.read_bytes()
    summary.unlink()

    assert three.outcomes() == all_are("up to date")

    assert summary.read_bytes() == content


def test_newer_releases_wait_for_an_upgrade(three, index):
    three.lock()
    index.add("base", "2.0")
    index.add("extra", "2.0")
    three.write(RUNTIME + FRAMEWORK + APPLICATION.replace('"extra"', '"extra>=1"'))

    assert three.outcomes() == {
        "cpython-3.13": "up to date",
        "framework-middle": "up to date",
        "app-run": "locked",
    }
    assert three.versions("app-run") == {"base": "1.0", "extra": "1.0", "frame": "1.0"}

    assert three.outcomes(upgrade=True) == all_are("locked")
    assert three.versions("cpython-3.13") == {"base": "2.0"}
    assert three.versions("app-run") == {"base": "2.0", "extra": "2.0", "frame": "1.0"}


def test_one_package_can_be_upgraded(three, index):
    three.lock()
    index.add("frame", "2.0", requires=("base",))
    index.add("extra", "2.0")

    outcomes = three.outcomes(upgrade_packages=("extra",))

    assert outcomes == {
        "cpython-3.13": "unchanged",
        "framework-middle": "unchanged",
        "app-run": "locked",
    }
    assert three.versions("app-run") == {"base": "1.0", "extra": "2.0", "frame": "1.0"}


def test_an_upgrade_without_news_rewrites_nothing(three):
    three.lock()
    before = three.snapshot()

    assert three.outcomes(upgrade=True) == all_are("unchanged")

    assert three.snapshot() == before


def test_what_an_upper_layer_does_not_use_leaves_its_lock_alone(three, index):
    three.lock()
    before = three.snapshot()
    index.add("unrelated", "1.0")
    three.write(RUNTIME.replace('"base"', '"base", "unrelated"') + FRAMEWORK + APPLICATION)

    assert three.outcomes() == {
        "cpython-3.13": "locked",
        "framework-middle": "up to date",
        "app-run": "up to date",
    }

    changed = {name for name, content in three.snapshot().items() if before[name] != content}
    assert {name.split("/")[1] for name in changed} == {"cpython-3.13"}
    assert three.outcomes() == all_are("up to date")


def test_what_an_upper_layer_uses_changes_its_lock_hash(three, index):
    three.lock()
    before = three.metadata("app-run")["requirements_hash"]
    index.add("base", "2.0")

    three.lock(upgrade_packages=("base",))

    assert three.versions("app-run")["base"] == "2.0"
    assert three.metadata("app-run")["requirements_hash"] != before


def test_a_changed_lock_file_is_resolved_again(three, index):
    three.lock()
    path = three.folder / "requirements/app-run/pylock.app-run.toml"
    content = path.read_text()
    locked = tomllib.loads(content)["packages"][1]["wheels"][0]["hashes"]["sha256"]
    path.write_text(content.replace(locked, "0" * 64))

    assert three.outcomes()["app-run"] == "locked"

    assert path.read_text() == content


def test_each_change_of_a_versioned_layer_counts(three, index):
    versioned = APPLICATION.replace('name = "run"', 'name = "run"\nversioned = true')
    three.write(RUNTIME + FRAMEWORK + versioned)
    results = three.lock()
    assert results["app-run"].lock.install_target == "app-run@1"

    index.add("extra", "2.0")
    results = three.lock(upgrade=True)
    assert results["app-run"].lock.install_target == "app-run@2"

    (three.folder / "run.py").write_text("print('run more')\n")
    index.asked.clear()
    results = three.lock()
    assert results["app-run"].lock.install_target == "app-run@3"
    assert results["app-run"].outcome == "locked"
    assert index.asked == [], "modules do not matter to uv"

    assert three.lock()["app-run"].outcome == "up to date"
    assert three.lock(upgrade=True)["app-run"].lock.install_target == "app-run@3"


def test_a_layer_that_becomes_versioned_starts_at_two_as_upstreams_does(three, index):
    three.lock()
    three.write(
        RUNTIME + FRAMEWORK + APPLICATION.replace('name = "run"', 'name = "run"\nversioned = true')
    )
    index.asked.clear()

    assert three.lock()["app-run"].lock.install_target == "app-run@2"
    assert index.asked == []
    three.write(RUNTIME + FRAMEWORK + APPLICATION)
    assert three.lock()["app-run"].lock.install_target == "app-run"
    assert three.metadata("app-run")["lock_version"] == 1


def test_the_text_of_an_unversioned_application_leaves_its_lock_alone(three):
    three.lock()
    before = three.snapshot()
    (three.folder / "run.py").write_text("print('run more')\n")

    assert three.outcomes() == all_are("up to date")
    assert three.snapshot() == before


def test_nothing_is_written_when_one_layer_fails(three, index, refusal):
    three.lock()
    before = three.snapshot()
    index.add("base", "2.0")
    broken = APPLICATION.replace('"extra"', '"missing"')
    three.write(RUNTIME.replace('"base"', '"base>=2"') + FRAMEWORK + broken)

    kind, message = refusal()

    assert (kind, message.splitlines()[0]) == (
        "UnsolvableError",
        "Layer app-run cannot be locked: uv finds no set of packages for it.",
    )
    assert three.snapshot() == before


def test_each_layer_keeps_the_python_that_it_was_locked_with(three):
    three.lock()
    first = three.lock()["app-run"].lock.pins
    three.pythons.archive = b"a Python with a security fix"
    three.write(RUNTIME.replace("3.13.5", "3.13.6") + FRAMEWORK + APPLICATION)

    results = three.lock()

    assert {name: result.outcome for name, result in results.items()} == {
        "cpython-3.13": "locked",
        "framework-middle": "up to date",
        "app-run": "up to date",
    }
    assert results["cpython-3.13"].lock.pins[Platform.LINUX_X86_64].version == "3.13.6"
    assert results["app-run"].lock.pins == first
    upgraded = three.lock(upgrade=True)
    assert upgraded["app-run"].lock.pins == upgraded["cpython-3.13"].lock.pins


def test_an_upgrade_looks_for_python_anew(three):
    three.lock()
    three.pythons.archive = b"another build of the same version"

    assert three.outcomes() == all_are("up to date")
    assert three.outcomes(upgrade=True) == all_are("locked")


def test_python_is_pinned_for_another_platform_when_it_is_wanted(three):
    three.lock()
    three.pythons.asked.clear()

    results = three.lock(platforms=(Platform.LINUX_X86_64, Platform.WIN_AMD64))

    assert three.pythons.asked == [("cpython-3.13", Platform.WIN_AMD64)]
    assert list(results["app-run"].lock.pins) == [Platform.LINUX_X86_64, Platform.WIN_AMD64]


def test_a_new_minor_version_binds_all_layers_to_it(three):
    three.lock()
    three.write(RUNTIME.replace("3.13.5", "3.12.1") + FRAMEWORK + APPLICATION)

    results = three.lock()

    pins = [result.lock.pins[Platform.LINUX_X86_64].version for result in results.values()]
    assert pins == ["3.12.1"] * 3
