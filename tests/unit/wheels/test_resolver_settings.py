"""What `[tool.uv]` says about the build of one package."""

import pytest
from packaging.requirements import Requirement

from ocistacks.errors import UsageError
from ocistacks.spec.read import read_stack
from ocistacks.wheels.resolver_settings import (
    build_settings,
    requirements_project,
    sdist_project,
)

SPEC = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["other"]
platforms = ["linux_x86_64"]

[tool.uv]
no-binary = true
override-dependencies = ["demo==9"]
constraint-dependencies = ["demo<5"]
build-constraint-dependencies = ["setuptools<80"]
config-settings = { shared = "yes", jobs = ["1", "2"] }
config-settings-package = { Demo = { shared = "no" }, other = { x = "y" } }
extra-build-dependencies = { "de.mo" = ["cython<4"], demo = [{ requirement = "torch" }] }
extra-build-variables = { demo = { CFLAGS = "-O1" } }

[[tool.uv.index]]
name = "own"
url = "https://index.example.org/simple"
"""


@pytest.fixture
def stack(tmp_path):
    (tmp_path / "venvstacks.toml").write_text(SPEC)
    return read_stack(tmp_path / "venvstacks.toml", environment={})


def test_settings_are_those_of_the_package(stack):
    settings = build_settings("demo", stack.uv_configuration)
    assert settings.config_settings == {"jobs": ("1", "2"), "shared": "no"}
    assert settings.requirements == ("torch",)
    assert settings.variables == {"CFLAGS": "-O1"}
    assert build_settings("de-mo", stack.uv_configuration).requirements == ("cython<4",)
    other = build_settings("other", {})
    assert (other.config_settings, other.requirements, other.variables) == ({}, (), {})


def test_an_sdist_is_looked_for_among_sdists_alone(stack):
    project = sdist_project(
        Requirement("demo[extra]>=1"), stack.runtimes[0], stack.uv_configuration, ()
    )
    assert project["project"]["dependencies"] == ["demo>=1"]
    settings = project["tool"]["uv"]
    assert settings["no-binary-package"] == ["demo"]
    assert settings["constraint-dependencies"] == ["demo<5"]
    assert settings["index"][0]["name"] == "own"
    assert not {"no-build", "no-binary", "override-dependencies"} & settings.keys()
    assert not any(key.startswith(("config-settings", "extra-build")) for key in settings)


def test_build_requirements_are_wheels_within_their_own_constraints(stack):
    project = requirements_project(
        {"wheel", "setuptools"}, stack.runtimes[0], stack.uv_configuration
    )
    assert project["project"]["dependencies"] == ["setuptools", "wheel"]
    settings = project["tool"]["uv"]
    assert settings["no-build"] is True
    assert settings["constraint-dependencies"] == ["setuptools<80"]
    assert "no-binary" not in settings


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (
            {"extra-build-dependencies": {"demo": [{"requirement": "t", "match-runtime": True}]}},
            (
                "A build requirement cannot be read.\n"
                "  where: [tool.uv], extra-build-dependencies, demo\n"
                "  found: match-runtime of t\n"
                "  expected: requirements, such as 'setuptools<80'"
            ),
        ),
        (
            {"config-settings": {"level": 3}},
            (
                "A config setting has a form that no build backend takes.\n"
                "  where: [tool.uv], config-settings, level\n"
                "  found: 3\n"
                "  expected: a string or a list of strings"
            ),
        ),
        (
            {"config-settings": "level"},
            "A setting of uv is no table.\n  where: [tool.uv], config-settings",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(configuration, message):
    with pytest.raises(UsageError) as caught:
        build_settings("demo", configuration)
    assert str(caught.value) == message
