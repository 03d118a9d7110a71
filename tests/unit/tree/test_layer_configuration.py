"""The configuration by which tools made for venvstacks deploy a layer: its exact paths."""

import pytest

from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput
from ocistacks.spec.names import LayerKind
from ocistacks.tree.layer_configuration import layer_configuration

DIGEST = Digest.of_bytes(b"any")


@pytest.fixture
def configuration():
    """A function that gives the configuration of a layer."""

    def made(kind, platform, lower=(), launch_module=None):
        request = BuildRequest(
            kind=kind,
            install_target="this",
            platform=platform,
            python=PythonInput(implementation="cpython", version="3.12.9", digest=DIGEST),
            lower_targets=lower,
            wheels=(),
            modules=launch_module and ModulesInput(launch_module=launch_module, digest=DIGEST),
            bytecode=True,
            compression="zstd",
            compression_level=3,
        )
        return layer_configuration(request)

    return made


@pytest.mark.parametrize("platform", [Platform.LINUX_AARCH64, Platform.MACOSX_ARM64])
def test_a_runtime_is_its_own_base(configuration, platform):
    assert configuration(LayerKind.RUNTIME, platform) == {
        "python": "bin/python",
        "py_version": "3.12.9",
        "base_python": "bin/python",
        "site_dir": "lib/python3.12/site-packages",
        "pylib_dirs": [],
        "dynlib_dirs": [],
    }


def test_an_application_names_its_siblings_nearest_first(configuration):
    lower = ("framework-near@2", "framework-far", "cpython-3.12")
    found = configuration(LayerKind.APPLICATION, Platform.LINUX_X86_64, lower, "demo")
    assert found == {
        "python": "bin/python",
        "py_version": "3.12.9",
        "base_python": "../cpython-3.12/bin/python",
        "site_dir": "lib/python3.12/site-packages",
        "pylib_dirs": [
            "../framework-near@2/lib/python3.12/site-packages",
            "../framework-far/lib/python3.12/site-packages",
            "../cpython-3.12/lib/python3.12/site-packages",
        ],
        "dynlib_dirs": [
            "../framework-near@2/share/venv/dynlib",
            "../framework-far/share/venv/dynlib",
            "../cpython-3.12/share/venv/dynlib",
        ],
        "launch_module": "demo",
    }


def test_windows_has_its_own_folders_and_separators(configuration):
    assert configuration(LayerKind.RUNTIME, Platform.WIN_AMD64) == {
        "python": "python.exe",
        "py_version": "3.12.9",
        "base_python": "python.exe",
        "site_dir": "Lib\\site-packages",
        "pylib_dirs": [],
        "dynlib_dirs": [],
    }
    assert configuration(LayerKind.FRAMEWORK, Platform.WIN_AMD64, ("cpython-3.12",)) == {
        "python": "Scripts\\python.exe",
        "py_version": "3.12.9",
        "base_python": "..\\cpython-3.12\\python.exe",
        "site_dir": "Lib\\site-packages",
        "pylib_dirs": ["..\\cpython-3.12\\Lib\\site-packages"],
        "dynlib_dirs": ["..\\cpython-3.12\\Library\\bin"],
    }
