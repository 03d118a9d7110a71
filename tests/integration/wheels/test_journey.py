"""Packages without wheels, from their sdists to a running application."""

import platform
import subprocess
import sys

import pytest

from ocistacks.builder.machine_release import debian_suite

pytestmark = pytest.mark.timeout(900)

# No pyproject.toml; it leaves a mark where it runs, if it can, and comes with a package of its own.
LEGACY = """
from setuptools import setup

try:
    with open({mark!r}, "w") as stream:
        stream.write("ran")
except OSError:
    pass
setup(
    name="journey_legacy",
    version="1.0",
    py_modules=["journey_legacy"],
    install_requires=["journey-native"],
    entry_points={{"console_scripts": ["journey = journey_legacy:main"]}},
)
"""
LEGACY_MODULE = """
import journey_native

def main():
    print("from sdists, with SQLite", journey_native.version()[0])
"""
NATIVE = """
from setuptools import Extension, setup

sources = ["native.c", "plus.cpp"]
setup(ext_modules=[Extension("journey_native", sources, libraries=["sqlite3"])])
"""
NATIVE_PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "backend"
backend-path = ["."]

[project]
name = "journey_native"
version = "2.0"
"""
# What it asks for is known to its own code alone, and is needed to build.
NATIVE_BACKEND = """
from setuptools.build_meta import *
from setuptools import build_meta

def get_requires_for_build_wheel(config_settings=None):
    return ["flit_core >=3"]

def build_wheel(*arguments):
    import flit_core
    return build_meta.build_wheel(*arguments)
"""
NATIVE_SOURCE = """
#include <Python.h>
#include <sqlite3.h>

int plus(int, int);

static PyObject *version(PyObject *self, PyObject *arguments) {
    return PyUnicode_FromFormat("%s %d", sqlite3_libversion(), plus(20, 22));
}
static PyMethodDef methods[] = {{"version", version, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "journey_native", NULL, -1, methods};
PyMODINIT_FUNC PyInit_journey_native(void) { return PyModule_Create(&definition); }
"""
PLUS_SOURCE = """
#include <numeric>
#include <vector>

extern "C" int plus(int first, int second) {
    std::vector<int> both{first, second};
    return std::accumulate(both.begin(), both.end(), 0);
}
"""
APPLICATION = f"""
[[applications]]
name = "hello"
runtime = "py"
launch_module = "hello.py"
linux_target = "glibc@{platform.libc_ver()[1]}"
requirements = ["journey-legacy>=1"]
"""
LEGACY_WHEEL = "journey_legacy-1.0-py3-none-any.whl"
# SQLite's library, which came into the wheel, asks for a glibc of its release.
ASKED_GLIBC = {"bookworm": "2_34", "trixie": "2_38"}[debian_suite()]
NATIVE_WHEEL = f"journey_native-2.0-cp313-cp313-manylinux_{ASKED_GLIBC}_x86_64.whl"


def command_line(stack, *arguments):
    """Run the command line with the test's store and return its stdout."""
    finished = subprocess.run(
        [sys.executable, "-m", "ocistacks", *map(str, arguments)],
        env={
            **stack.environment,
            "OCISTACKS_STORE": str(stack.store.root),
            "OCISTACKS_BUILDER": "local",
            "OCISTACKS_BASE_IMAGE": "none",
            "OCISTACKS_PYTHON_FROM": "source",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@pytest.fixture
def journey(stack, index, tmp_path):
    mark = tmp_path / "mark"
    index.add(
        "journey_legacy",
        "1.0",
        {"setup.py": LEGACY.format(mark=str(mark)), "journey_legacy.py": LEGACY_MODULE},
    )
    index.add(
        "journey_native",
        "2.0",
        {
            "pyproject.toml": NATIVE_PROJECT,
            "setup.py": NATIVE,
            "backend.py": NATIVE_BACKEND,
            "native.c": NATIVE_SOURCE,
            "plus.cpp": PLUS_SOURCE,
        },
    )
    stack.write(more=APPLICATION)
    (stack.folder / "hello.py").write_text("import journey_legacy\n\njourney_legacy.main()\n")
    yield stack
    assert not mark.exists()


def test_from_sdists_to_a_running_application(journey, index, tmp_path):
    told = command_line(journey, "wheels", journey.spec)
    rows = [line.split() for line in told.splitlines()[1:]]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("journey-legacy", "1.0", LEGACY_WHEEL),
        ("journey-native", "2.0", NATIVE_WHEEL),
    ]
    assert sorted(path.name for path in journey.output.iterdir()) == [
        LEGACY_WHEEL,
        NATIVE_WHEEL,
        "pylock.journey-legacy-1_0-cp313-linux_x86_64.toml",
        "pylock.journey-native-2_0-cp313-linux_x86_64.toml",
    ]
    assert not (journey.folder / "requirements").exists()
    # uv reads what the index says, and no sdist: it would run code of the package to know more.
    assert {who for path, who in index.asked if path.startswith("/files/")} == {"python-requests"}

    command_line(journey, "lock", journey.spec)
    command_line(journey, "push", journey.spec, f"oci:{tmp_path}/layout")
    said = command_line(journey, "run", f"oci:{tmp_path}/layout", "hello")
    assert said == "from sdists, with SQLite 3\n"


def test_the_same_bytes_each_time_and_no_work_the_second_time(journey):
    names = ("journey-legacy==1.0", "journey_native")
    assert set(journey.build(*names, force=True)) == {LEGACY_WHEEL, NATIVE_WHEEL}
    assert journey.opened == 1
    first = journey.wheels()
    assert journey.build(*names, force=True) == {LEGACY_WHEEL: "built", NATIVE_WHEEL: "built"}
    assert journey.wheels() == first

    for path in journey.output.glob("*.whl"):
        path.unlink()
    journey.opened = 0
    assert journey.build() == {LEGACY_WHEEL: "up to date", NATIVE_WHEEL: "up to date"}
    assert journey.wheels() == first
    assert journey.build() == {}
    assert journey.opened == 0
