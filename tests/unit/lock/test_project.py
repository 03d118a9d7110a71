"""The project that uv is given for a layer."""

import tomllib
from pathlib import Path

import pytest

from ocistacks.lock.local_wheels import with_absolute_places
from ocistacks.lock.project import (
    environment_markers,
    for_platforms_alone,
    resolver_inputs_hash,
    resolver_project,
    with_options,
)
from ocistacks.spec.parse import parse_stack

STACK = """
[[runtimes]]
name = "py_x"
python_implementation = "cpython@3.13.5"
requirements = ["numpy>1"]
platforms = ["linux_x86_64", "win_arm64"]
priority_indexes = ["second"]
package_indexes = {numpy = "third"}
"""
UV = {
    "index": [
        {"name": "first", "url": "https://first.example/simple", "default": True},
        {"name": "second", "url": "https://second.example/simple", "explicit": True},
        {"name": "third", "url": "./third"},
    ],
    "sources": {"Torch_Vision": {"index": "second"}},
    "cache-keys": [{"file": "x"}],
    "constraint-dependencies": ["a<2"],
    "find-links": ["wheels", "https://example.org/wheels"],
    "resolution": "lowest",
}
LINUX = "platform_machine == 'x86_64' and sys_platform == 'linux'"
WINDOWS = "platform_machine == 'ARM64' and sys_platform == 'win32'"


@pytest.fixture
def runtime():
    """A runtime whose specification has the settings above."""
    stack = parse_stack(
        {**tomllib.loads(STACK), "tool": {"uv": UV}},
        None,
        path=Path("/stack/venvstacks.toml"),
        environment={},
        overrides={},
        list_folder=lambda _: set(),
    )
    return stack.layers[0]


def test_the_project_holds_all_that_counts(runtime, pylock):
    lower = pylock(
        '[[packages]]\nname = "low"\nversion = "1.0"\n'
        '[[packages.wheels]]\nname = "low-1.0-py3-none-any.whl"\nurl = "https://x.example/a"\n'
        'hashes = {sha256 = "aa"}\n'
        '[[packages]]\nname = "part"\nversion = "2.0"\nmarker = "os_name == \'nt\'"\n'
        '[[packages.wheels]]\nname = "part-2.0-py3-none-any.whl"\nurl = "https://x.example/b"\n'
        'hashes = {sha256 = "bb"}\n'
    ).packages

    assert resolver_project(runtime, UV, [*lower, *lower]) == {
        "project": {
            "name": "ocistacks-layer-py-x-x",
            "version": "0",
            "requires-python": "==3.13.*",
            "dependencies": ["numpy>1"],
        },
        "tool": {
            "uv": {
                "resolution": "lowest",
                "no-build": True,
                "workspace": {},
                "constraint-dependencies": [
                    "a<2",
                    "low==1.0",
                    "part==2.0 ; os_name == 'nt'",
                ],
                "find-links": ["wheels", "https://example.org/wheels"],
                "index": [
                    {
                        "name": "second",
                        "url": "https://second.example/simple",
                        "explicit": False,
                    },
                    {"name": "first", "url": "https://first.example/simple", "default": True},
                    {"name": "third", "url": "./third"},
                ],
                "sources": {"torch-vision": {"index": "second"}, "numpy": {"index": "third"}},
            }
        },
    }


def test_an_explicit_index_stands_before_the_others_where_a_package_names_it(runtime):
    explicit = [{**index, "explicit": index["name"] != "first"} for index in UV["index"]]
    explicit.append({"name": "fourth", "url": "https://fourth.example/", "explicit": True})

    project = resolver_project(runtime, {**UV, "index": explicit}, [])

    names = [index["name"] for index in project["tool"]["uv"]["index"]]
    assert names == ["second", "third", "first", "fourth"]


def test_the_nearest_layers_version_hides_those_below(runtime, pylock):
    def package(version, marker=""):
        return pylock(
            f'[[packages]]\nname = "x"\nversion = "{version}"\n{marker}\n'
            f'[[packages.wheels]]\nname = "x-{version}-py3-none-any.whl"\n'
            'url = "https://x.example/a"\nhashes = {sha256 = "aa"}\n'
        ).packages[0]

    linux, windows = (f"marker = \"sys_platform == '{one}'\"" for one in ("linux", "win32"))
    lower = [package(1, linux), package(2, linux), package(3, windows), package(4), package(5)]

    project = resolver_project(runtime, {}, lower)

    assert project["tool"]["uv"]["constraint-dependencies"] == [
        "x==1 ; sys_platform == 'linux'",
        "x==3 ; sys_platform == 'win32'",
        "x==4",
    ]


def test_what_the_command_line_adds(runtime):
    project = resolver_project(runtime, UV, [])

    given = with_options(project, no_index=True, local_wheels=[Path("more"), Path("/wheels")])

    added = given["tool"]["uv"]
    assert added["no-index"] is True
    assert added["find-links"] == ["wheels", "https://example.org/wheels", "more", "/wheels"]
    assert with_options(project, no_index=False, local_wheels=[]) == project


def test_the_layers_platforms_alone(runtime):
    project = for_platforms_alone(resolver_project(runtime, UV, []), runtime)

    assert project["tool"]["uv"]["environments"] == [LINUX, WINDOWS]


def test_uv_gives_the_markers_back_as_they_are_given(runtime):
    assert list(environment_markers(runtime).values()) == [LINUX, WINDOWS]


def test_local_folders_are_absolute_for_uv_alone(runtime):
    project = resolver_project(runtime, UV, [])

    given = with_absolute_places(project, Path("/stack"))["tool"]["uv"]

    assert given["find-links"] == ["/stack/wheels", "https://example.org/wheels"]
    assert [index["url"] for index in given["index"]] == [
        "https://second.example/simple",
        "https://first.example/simple",
        "/stack/third",
    ]
    assert project["tool"]["uv"]["find-links"][0] == "wheels"


def test_the_hash_knows_settings_and_no_credentials(runtime):
    def project_hash(project):
        return resolver_inputs_hash(project, runtime.platforms)

    plain = project_hash(resolver_project(runtime, UV, []))
    secret = {**UV, "find-links": ["wheels", "https://jo:pw@example.org/wheels"]}
    assert project_hash(resolver_project(runtime, secret, [])) == plain
    other = {**UV, "resolution": "highest"}
    assert project_hash(resolver_project(runtime, other, [])) != plain
    project = resolver_project(runtime, UV, [])
    assert resolver_inputs_hash(project, runtime.platforms[:1]) != plain
    assert resolver_inputs_hash(project, runtime.platforms[::-1]) == plain
