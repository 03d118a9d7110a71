"""Layers for macOS, from a stand-in for its Python: laid out as on Linux."""

import json
from pathlib import Path

import pytest

from ocistacks.platforms import Platform
from ocistacks.request.model import PythonInput
from ocistacks.spec.names import LayerKind
from ocistacks.tree.scripts import relocatable_header

PYTHON = {
    "bin/python3.13": "an interpreter for macOS",
    "lib/libpython3.13.dylib": "library",
    "lib/python3.13/os.py": "NAME = 'os'\n",
    "lib/python3.13/site-packages/pip/__init__.py": "",
    "bin/pip3.13": "#!/bin/sh\n",
}
COMMON = {"postinstall.py", "share/venv/metadata/venvstacks_layer.json"}
NAMES = ("bin/python", "bin/python3", "bin/python3.13")
MODULES = ("greet", "sitecustomize")
SITE_PACKAGES = "lib/python3.13/site-packages"


@pytest.fixture(params=[Platform.MACOSX_ARM64, Platform.MACOSX_X86_64])
def layers(request, workshop):
    """The trees of a runtime and a framework."""
    digest = workshop.archive("macos", PYTHON)
    python = PythonInput(implementation="cpython", version="3.13.5", digest=digest)
    greet = workshop.wheel(
        "greet",
        {"greet.py": "def main():\n    print('hello')\n", "greet-1.0.data/headers/greet.h": ""},
        entry_points="[console_scripts]\ngreet = greet:main\n",
    )
    return [
        workshop.assemble(
            workshop.request(
                target, kind=kind, platform=request.param, python=python, wheels=wheels
            ),
            build_python=workshop.python_digest,
        )
        for target, kind, wheels in (
            ("runtime", LayerKind.RUNTIME, ()),
            ("framework-tools", LayerKind.FRAMEWORK, (greet,)),
        )
    ]


def paths(tree):
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}


def test_everything_lies_where_it_does_on_linux(layers):
    runtime, framework = layers
    assert paths(runtime) == {
        *NAMES,
        "lib/libpython3.13.dylib",
        "lib/python3.13/os.py",
        "lib/python3.13/__pycache__/os.cpython-313.pyc",
        *COMMON,
    }
    information = ("INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL", "entry_points.txt")
    assert paths(framework) == {
        *NAMES,
        "bin/greet",
        "pyvenv.cfg",
        f"{SITE_PACKAGES}/greet.py",
        f"{SITE_PACKAGES}/sitecustomize.py",
        *(f"{SITE_PACKAGES}/__pycache__/{name}.cpython-313.pyc" for name in MODULES),
        *(f"{SITE_PACKAGES}/greet-1.0.dist-info/{name}" for name in information),
        "include/site/python3.13/greet/greet.h",
        *COMMON,
    }
    assert (framework / "bin/python").readlink() == Path("../../runtime/bin/python3.13")
    assert (framework / "bin/greet").read_bytes().startswith(relocatable_header("python3.13"))


def test_the_configuration_is_that_of_linux(layers):
    path = layers[1] / "share/venv/metadata/venvstacks_layer.json"
    assert json.loads(path.read_text()) == {
        "python": "bin/python",
        "py_version": "3.13.5",
        "base_python": "../runtime/bin/python",
        "site_dir": SITE_PACKAGES,
        "pylib_dirs": [f"../runtime/{SITE_PACKAGES}"],
        "dynlib_dirs": ["../runtime/share/venv/dynlib"],
    }


def test_no_file_tells_of_the_python_that_it_was_built_with(layers):
    for tree in layers:
        work = str(tree.parents[1]).encode()
        for path in tree.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert work not in path.read_bytes(), path
