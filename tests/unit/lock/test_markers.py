"""Markers, without what all patch versions of a minor version have in common."""

import pytest
from packaging.markers import Marker

from ocistacks.lock.markers import for_python

LINUX = "platform_machine == 'x86_64' and sys_platform == 'linux'"
ARM = "platform_machine == 'aarch64' and sys_platform == 'linux'"
WINDOWS = "platform_machine == 'AMD64' and sys_platform == 'win32'"


def simplified(text):
    marker = for_python(Marker(text), "3.13")
    return None if marker is None else str(marker).replace('"', "'")


@pytest.mark.parametrize(
    "text",
    [
        "python_version >= '3.8'",
        "python_full_version < '3.14'",
        "python_full_version == '3.13.*'",
        "python_version in '3.12 3.13'",
        "'3.14' > python_version",
        "python_version != '3.12' and python_full_version >= '3.13'",
        "python_version < '3' or python_version > '3.1'",
    ],
)
def test_what_is_always_true_is_gone(text):
    assert simplified(text) is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"python_full_version < '3.14' and {LINUX}", LINUX),
        (f"python_version not in '3.12 3.13' or {LINUX}", LINUX),
        (f"(python_version < '3.14' and {LINUX}) or (python_version >= '3.14')", LINUX),
        (
            "os_name == 'nt' and (sys_platform == 'win32' or python_version < '3')",
            "os_name == 'nt' and sys_platform == 'win32'",
        ),
        (f"python_version < '3.14' and (({LINUX}) or ({WINDOWS}))", f"({LINUX}) or ({WINDOWS})"),
        (f"({LINUX}) or ({LINUX} and python_version < '3.14')", LINUX),
    ],
)
def test_what_is_left_is_about_the_platform(text, left):
    assert simplified(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "python_full_version < '3.13.2'",
        "python_full_version == '3.13'",
        "python_full_version != '3.13.5'",
        "python_full_version > '3.13.0'",
        "implementation_name == 'cpython'",
    ],
)
def test_what_differs_between_patch_versions_stays(text):
    assert simplified(text) == text


def test_what_is_never_true_stays_as_it_was():
    assert simplified("python_version < '3'") == "python_version < '3'"


def test_alternatives_are_written_as_uv_writes_them():
    text = f"python_full_version < '3.14' and (({ARM}) or ({LINUX}) or ({WINDOWS}))"
    machines = "(platform_machine == 'aarch64' or platform_machine == 'x86_64')"
    assert simplified(text) == f"({machines} and sys_platform == 'linux') or ({WINDOWS})"
    assert simplified(f"python_full_version < '3.14' and (({ARM}) or ({LINUX}))") == (
        f"{machines} and sys_platform == 'linux'"
    )
