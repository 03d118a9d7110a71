"""From the specification to archives for macOS and Windows, with a stand-in for their Python."""

import io
import json
import subprocess
import sys
import tarfile

import pytest

from ocistacks.platforms import Platform

MACOS, WINDOWS = Platform.MACOSX_ARM64, Platform.WIN_AMD64
PYTHONS = {
    MACOS: ("bin/python3.13", "lib/python3.13/os.py"),
    WINDOWS: (
        *("python.exe", "pythonw.exe", "Lib/os.py"),
        *("Lib/venv/scripts/nt/venvlauncher.exe", "Lib/venv/scripts/nt/venvwlauncher.exe"),
    ),
}
SITE_PACKAGES = {MACOS: "lib/python3.13/site-packages", WINDOWS: "Lib/site-packages"}


@pytest.fixture(scope="module")
def stack(make_stack, x86_64_archive, tmp_path_factory):
    archives = {Platform.LINUX_X86_64: x86_64_archive}
    folder = tmp_path_factory.mktemp("pythons")
    for platform, names in PYTHONS.items():
        archives[platform] = folder / f"{platform}.tar.gz"
        with tarfile.open(archives[platform], "w:gz") as archive:
            for name in names:
                member = tarfile.TarInfo(f"python/{name}")
                archive.addfile(member, io.BytesIO())
    return make_stack(archives, tuple(PYTHONS), requirements=["greet"])


@pytest.mark.parametrize("platform", [MACOS, WINDOWS])
def test_layers_are_published_and_described(stack, platform):
    layers = stack.deploy(platform)
    framework, application = layers / "framework-tools", layers / "app-tell"
    assert (framework / SITE_PACKAGES[platform] / "greet.py").is_file()
    cached = "__pycache__/tell.cpython-313.pyc"
    assert (application / SITE_PACKAGES[platform] / cached).is_file()
    [path] = stack.folder.glob(f"out-{platform}/__venvstacks__/env_metadata/framework-tools*.json")
    metadata = json.loads(path.read_text())
    assert metadata["target_platform"] == platform
    assert metadata["bound_to_implementation"] is (platform is WINDOWS)
    assert metadata["runtime_layer"] == "python"


def test_postinstall_makes_the_published_layers_environments(stack):
    layers = stack.folder / f"deployed-{WINDOWS}"
    for name in ("python", "framework-tools", "app-tell"):
        subprocess.run([sys.executable, layers / name / "postinstall.py"], check=True)
    assert not (layers / "python/pyvenv.cfg").exists()
    configuration = (layers / "app-tell/pyvenv.cfg").read_text()
    assert f"home = {layers}/python\n" in configuration
    chain = (layers / "app-tell/Lib/site-packages/sitecustomize.py").read_text()
    below = [str(layers / name / "Lib/site-packages") for name in ("framework-tools", "python")]
    assert f"for folder in {below!r}:" in chain
