"""What stands in a lock: packages, markers, wheels, and what uv was told."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest

RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = {requirements}
platforms = {platforms}
"""
LINUX, WINDOWS, MAC = "linux_x86_64", "win_amd64", "macosx_arm64"


@pytest.fixture
def one(stack):
    """A function that writes a stack of one runtime and locks it."""

    def one(*requirements, platforms=(LINUX, WINDOWS), uv=None, **options):
        text = RUNTIME.format(requirements=list(requirements), platforms=list(platforms))
        stack.write(text, uv=uv)
        return stack.lock(**options)["py"]

    return one


def entries(stack, layer):
    return {entry["name"]: entry for entry in tomllib.loads(stack.pylock(layer))["packages"]}


def wheel_names(entry):
    return [wheel["url"].rpartition("/")[2] for wheel in entry["wheels"]]


def test_an_empty_layer_locks_to_nothing(one, stack):
    one()

    assert stack.versions("py") == {}
    assert stack.metadata("py")["lock_input_hash"] == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_what_lower_layers_have_is_marked_and_has_no_wheels(stack, index):
    index.add("base", "1.0")
    index.add("frame", "1.0", requires=("base",))
    stack.write(
        RUNTIME.format(requirements=["base"], platforms=[LINUX])
        + '[[frameworks]]\nname = "frame"\nruntime = "py"\nrequirements = ["frame"]\n'
    )

    stack.lock()

    assert entries(stack, "framework-frame")["base"] == {
        "name": "base",
        "version": "1.0",
        "marker": "sys_platform == 'from_lower_layer'",
    }
    summary = stack.folder / "requirements/framework-frame/packages-framework-frame.txt"
    assert summary.read_text() == (
        "# Package summary for framework-frame (DO NOT EDIT)\n"
        "# Lock the stack again to change it.\n"
        "frame==1.0\n"
        "\n"
        "# Shared packages inherited from other layers\n"
        "base==1.0\n"
    )


def test_what_a_lower_layer_has_on_one_platform_only_is_not_shared_on_the_other(stack, index):
    index.add("base", "1.0")
    stack.write(
        RUNTIME.format(requirements=["base ; sys_platform == 'win32'"], platforms=[LINUX, WINDOWS])
        + '[[frameworks]]\nname = "all"\nruntime = "py"\nrequirements = ["base"]\n'
        '[[frameworks]]\nname = "same"\nruntime = "py"\n'
        "requirements = [\"base ; sys_platform == 'win32'\"]\n"
    )

    stack.lock()

    windows = "sys_platform == 'win32'"
    assert stack.versions("py") == {"base": f"1.0 ; {windows}"}
    assert stack.versions("framework-all") == {"base": "1.0"}
    assert wheel_names(entries(stack, "framework-all")["base"]) == ["base-1.0-py3-none-any.whl"]
    assert entries(stack, "framework-same")["base"]["marker"] == (
        f"({windows}) and sys_platform == 'from_lower_layer'"
    )
    assert set(stack.outcomes().values()) == {"up to date"}


def test_markers_say_platforms_and_not_what_all_have_in_common(one, stack, index):
    for name in ("always", "windows", "newer", "mac"):
        index.add(name, "1.0")
    markers = {
        "always": "python_version >= '3.9'",
        "windows": "sys_platform == 'win32' and python_version < '3.14'",
        "newer": "python_version >= '3.14'",
        "mac": "sys_platform == 'darwin'",
    }
    index.add("top", "1.0", requires=tuple(f"{name} ; {text}" for name, text in markers.items()))

    one("top")

    assert stack.versions("py") == {
        "always": "1.0",
        "top": "1.0",
        "windows": "1.0 ; sys_platform == 'win32'",
    }


def test_a_conflict_that_only_later_pythons_have_does_not_matter(one, stack, index):
    index.add("base", "1.0")
    index.add("base", "2.0")
    index.add("top", "1.0", requires=("base<2", "base>=2 ; python_version >= '3.14'"))

    one("top")

    assert stack.versions("py") == {"base": "1.0", "top": "1.0"}


def test_the_wheels_for_the_minor_version_are_kept_and_no_sources(one, stack, index):
    index.add(
        "native",
        "1.0",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp313-cp313-manylinux_2_17_x86_64",
        "cp313-cp313-win_amd64",
        "cp313-cp313-macosx_11_0_arm64",
        "cp314-cp314-manylinux_2_17_x86_64",
    )
    index.add("stable", "1.0", "cp39-abi3-manylinux_2_17_x86_64", "cp39-abi3-win_amd64")
    index.add_sdist("stable", "1.0")

    one("native", "stable")

    locked = entries(stack, "py")
    assert wheel_names(locked["native"]) == [
        "native-1.0-cp313-cp313-macosx_11_0_arm64.whl",
        "native-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
        "native-1.0-cp313-cp313-win_amd64.whl",
    ]
    assert wheel_names(locked["stable"]) == [
        "stable-1.0-cp39-abi3-manylinux_2_17_x86_64.whl",
        "stable-1.0-cp39-abi3-win_amd64.whl",
    ]
    assert "sdist" not in locked["stable"]


def test_platforms_may_need_different_versions(one, stack, index):
    index.add("native", "2.0", "cp313-cp313-win_amd64")
    index.add("native", "1.0", "cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-win_amd64")

    requirements = ("native<2 ; sys_platform == 'linux'", "native>=2 ; sys_platform == 'win32'")

    one(*requirements)

    locked = tomllib.loads(stack.pylock("py"))["packages"]
    assert [(entry["version"], entry["marker"].replace('"', "'")) for entry in locked] == [
        ("1.0", "sys_platform == 'linux'"),
        ("2.0", "sys_platform == 'win32'"),
    ]
    assert one(*requirements, upgrade=True).outcome == "unchanged"
    assert one(*requirements, clean=True).outcome == "unchanged"


def test_a_version_without_a_wheel_for_a_platform_gives_way_to_one_that_has_it(one, stack, index):
    index.add("native", "1.0", "cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-win_amd64")
    index.add("native", "2.0", "cp313-cp313-manylinux_2_17_x86_64")

    one("native")

    assert stack.versions("py") == {
        "native": "2.0 ; platform_machine == 'x86_64' and sys_platform == 'linux'",
    }
    assert one("native", clean=True).outcome == "unchanged"
    uv = f'[tool.uv]\nindex = [{{url = "{index.url}", default = true}}]\n'
    uv += """environments = ["sys_platform == 'win32'"]"""
    one("native", uv=uv, upgrade=True)
    assert stack.versions("py") == {"native": "1.0 ; sys_platform == 'win32'"}


def test_local_wheels_are_paths_from_the_lock(one, stack, index):
    index.add("base", "1.0")
    index.add("local", "1.0", requires=("base",))
    index.projects.pop("local")
    wheels = stack.folder / "wheels"
    wheels.mkdir()
    name = "local-1.0-py3-none-any.whl"
    (wheels / name).write_bytes(index.files[name])
    uv = f'[tool.uv]\nfind-links = ["wheels"]\nindex = [{{url = "{index.url}", default = true}}]'

    first = one("local", uv=uv)

    assert entries(stack, "py")["local"]["wheels"] == [
        {
            "path": f"../../wheels/{name}",
            "hashes": first.lock.pylock.packages[1].wheels[0].hashes,
        }
    ]
    assert str(stack.folder) not in "".join(
        content.decode() for content, _ in stack.snapshot().values()
    )
    assert one("local", uv=uv).outcome == "up to date"
    assert one("local", uv=uv, upgrade=True).outcome == "unchanged"


def test_settings_of_uv_are_passed_on(one, stack, index):
    for version in ("1.0", "2.0", "3.0b1"):
        index.add("base", version)
    server = f'index = [{{url = "{index.url}", default = true}}]\n'

    one("base", uv=f"[tool.uv]\n{server}")
    assert stack.versions("py") == {"base": "2.0"}
    one("base", uv=f'[tool.uv]\n{server}prerelease = "allow"', upgrade=True)
    assert stack.versions("py") == {"base": "3.0b1"}
    one("base>=1", uv=f'[tool.uv]\n{server}resolution = "lowest-direct"', upgrade=True)
    assert stack.versions("py") == {"base": "1.0"}
    one("base", uv=f'[tool.uv]\n{server}constraint-dependencies = ["base<2"]', upgrade=True)
    assert stack.versions("py") == {"base": "1.0"}
    one("base<2", uv=f'[tool.uv]\n{server}override-dependencies = ["base==2.0"]', upgrade=True)
    assert stack.versions("py") == {"base": "2.0"}


def test_a_changed_setting_of_uv_is_a_reason_to_lock(one, stack, index):
    index.add("base", "1.0")
    index.add("base", "2.0")
    server = f'index = [{{url = "{index.url}", default = true}}]\n'
    one("base", uv=f"[tool.uv]\n{server}")

    result = one("base", uv=f'[tool.uv]\n{server}override-dependencies = ["base==1.0"]')

    assert (result.outcome, stack.versions("py")) == ("locked", {"base": "1.0"})


def test_packages_come_from_the_index_that_the_layer_names(stack, index, new_index):
    special = new_index()
    index.add("base", "1.0")
    special.add("base", "2.0+special")
    uv = (
        f'[tool.uv]\nindex = [{{url = "{index.url}", default = true}}, '
        f'{{name = "special", url = "{special.url}", explicit = true}}]'
    )
    runtime = RUNTIME.format(requirements=["base"], platforms=[LINUX])
    stack.write(runtime, uv=uv)
    stack.lock()
    assert stack.versions("py") == {"base": "1.0"}
    stack.write(runtime + 'package_indexes = {base = "special"}\n', uv=uv)
    stack.lock()
    assert stack.versions("py") == {"base": "2.0+special"}
    stack.write(runtime + 'priority_indexes = ["special"]\n', uv=uv)
    stack.lock(upgrade=True)
    assert stack.versions("py") == {"base": "2.0+special"}


def test_releases_after_exclude_newer_are_ignored_and_the_lock_is_not_later(one, stack, index):
    index.add("base", "1.0", uploaded="2025-01-01T00:00:00Z")
    index.add("base", "2.0", uploaded="2025-03-01T00:00:00Z")
    server = f'index = [{{url = "{index.url}", default = true}}]\n'

    one("base", uv=f'[tool.uv]\n{server}exclude-newer = "2025-02-01T00:00:00Z"')

    assert stack.versions("py") == {"base": "1.0"}
    assert stack.metadata("py")["locked_at"] == "2025-02-01T00:00:00+00:00"


def test_a_lock_is_clamped_when_exclude_newer_is_set_later(one, stack, index):
    index.add("base", "1.0")
    one("base")
    now = datetime.fromisoformat(str(stack.metadata("py")["locked_at"]))
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60
    server = f'index = [{{url = "{index.url}", default = true}}]\n'

    result = one("base", uv=f"[tool.uv]\n{server}exclude-newer = 2025-02-01T00:00:00Z")

    assert result.outcome == "locked"
    assert stack.metadata("py")["locked_at"] == "2025-02-01T00:00:00+00:00"


def test_the_variable_goes_before_exclude_newer_and_uv_does_not_see_it(one, stack, index):
    index.add("base", "1.0", uploaded="2025-01-01T00:00:00Z")
    index.add("base", "2.0", uploaded="2025-03-01T12:00:00Z")
    server = f'index = [{{url = "{index.url}", default = true}}]\n'
    later = f'[tool.uv]\n{server}exclude-newer = "2025-06-01"'
    # As a date, uv itself would read it in the machine's time zone.
    stack.environment |= {"UV_EXCLUDE_NEWER": "2025-03-01", "TZ": "Pacific/Kiritimati"}
    one("base", uv=later)
    assert stack.versions("py") == {"base": "2.0"}
    assert stack.metadata("py")["locked_at"] == "2025-03-02T00:00:00+00:00"

    stack.environment["UV_EXCLUDE_NEWER"] = "2025-02-28"
    assert one("base", uv=later).outcome == "locked"
    assert stack.versions("py") == {"base": "1.0"}
