"""Locks are those that venvstacks 0.8 makes: `uv lock` and `uv export` with a real Python.

Its procedure is written down here once more, from its description, and run with the CPython that
the tests compile. The projects are written out, so that nothing of ours is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tomllib

import pytest
import tomli_w
import zstandard
from packaging.markers import Marker
from uv import find_uv_bin

from ocistacks.platforms import Platform

LINUX = Platform.LINUX_X86_64
WINDOWS = Platform.WIN_AMD64
STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["base"]
platforms = ["linux_x86_64", "win_amd64"]
[[frameworks]]
name = "all"
runtime = "py"
requirements = ["top", "odd-name", "native[more]", "special"]
package_indexes = {special = "extra"}
"""
UV = """
[[tool.uv.index]]
name = "main"
url = "{main}"
default = true
[[tool.uv.index]]
name = "extra"
url = "{extra}"
explicit = true
"""
SHARED = "sys_platform == 'from_lower_layer'"


@pytest.fixture(scope="session")
def real_python(test_store, python_pin, tmp_path_factory):
    """The interpreter of the CPython 3.13.5 that the tests compile."""
    folder = tmp_path_factory.mktemp("python")
    with (
        test_store.blob_path(python_pin.digest).open("rb") as packed,
        zstandard.ZstdDecompressor().stream_reader(packed) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        # Debian 12's own Python knows no filters, and takes no notice of one that is set.
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)
        archive.extractall(folder)
    return folder / "python" / "bin" / "python3.13"


@pytest.fixture
def indexes(stack, index, new_index):
    """Two indexes whose packages have markers, extras, odd names and wheels of many kinds."""
    extra = new_index()
    index.add("base", "1.0", requires=("late ; python_version >= '3.14'",))
    markers = {
        "windows": "sys_platform == 'win32' and python_version < '3.14'",
        "nt": "os_name == 'nt'",
        "mac": "sys_platform == 'darwin'",
        "cpython": "platform_python_implementation != 'PyPy'",
        "arm": "platform_machine == 'aarch64' or platform_machine == 'arm64'",
        "old": "python_version < '3.13'",
        "base": "sys_platform != 'emscripten'",
    }
    for name in ("windows", "nt", "mac", "cpython", "arm", "old", "late"):
        index.add(name, "1.0", requires=("shell ; sys_platform != 'win32'",))
    index.add("shell", "2.0", requires=("nt ; sys_platform == 'linux'",))
    index.add("top", "1.0", requires=tuple(f"{name} ; {text}" for name, text in markers.items()))
    index.add("Odd_Name", "10.0")
    index.add("Odd_Name", "9.0")
    tags = [
        f"{python}-{abi}-{platform}"
        for python, abi in (("cp312", "cp312"), ("cp313", "cp313"), ("cp313", "cp313t"))
        for platform in (
            "manylinux2014_x86_64.manylinux_2_17_x86_64",
            "manylinux_2_28_aarch64",
            "musllinux_1_2_x86_64",
            "macosx_11_0_arm64",
            "win_amd64",
        )
    ]
    tags += ["cp310-abi3-win_amd64", "cp315-abi3-win_amd64", "pp311-pypy311_pp73-win_amd64"]
    index.add("native", "1.0+local.7", *tags, requires=("windows ; extra == 'more'",))
    index.add_sdist("native", "1.0+local.7")
    index.add("special", "3.0")
    extra.add("special", "1.0")
    stack.write(STACK, uv=UV.format(main=index.url, extra=extra.url))
    return {"main": index.url, "extra": extra.url}


def exported(folder, python, environment, *, name, dependencies, constraints=(), more=""):
    """Return what `uv export` writes for a project."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "0"\ndependencies = {list(dependencies)}\n'
        'requires-python = "==3.13.*"\n'
        f"[tool.uv]\nno-build = true\nconstraint-dependencies = {list(constraints)}\n{more}"
    )
    common = ["--project", folder, "--python", python, "--no-managed-python", "--quiet"]
    lock = [find_uv_bin(), "lock", *common, "--upgrade"]
    subprocess.run(lock, env=environment, check=True)
    export = [find_uv_bin(), "export", *common, "--locked", "--format", "pylock.toml"]
    export += ["--no-header", "--no-emit-project", "--no-annotate"]
    written = subprocess.run(export, env=environment, check=True, capture_output=True, text=True)
    return tomllib.loads(written.stdout)["packages"]


def holds_on(package):
    """Return the platforms of the stack that a package is for."""
    if "marker" not in package:
        return [LINUX, WINDOWS]
    marker = Marker(package["marker"])
    return [one for one in (LINUX, WINDOWS) if marker.evaluate(one.marker_environment("3.13.5"))]


def expected_hash(packages, shared=()):
    """Return venvstacks' hash of exported packages, those named in ``shared`` being from below."""
    strings = []
    for package in packages:
        platforms = holds_on(package)
        if not platforms:
            continue
        marker = package["marker"] if len(platforms) == 1 else ""
        suffix = f" ; {marker}" if marker else ""
        below = package["name"] in shared
        index = "unspecified index" if below else package["index"]
        strings.append(f"{package['name']}=={package['version']}{suffix} from {index}")
        for wheel in () if below else package["wheels"]:
            name = wheel.get("name") or wheel["url"].rpartition("/")[2]
            strings.append(f"{name}:sha256:{wheel['hashes']['sha256']}")
    return "sha256:" + hashlib.sha256("".join(sorted(strings)).encode()).hexdigest()


def test_the_hashes_are_those_of_uvs_own_lock(stack, indexes, real_python, tmp_path):
    stack.lock()

    uv = UV.format(**indexes)
    main = '[[tool.uv.index]]\nname = "main"\nurl = "{main}"\ndefault = true\n'.format(**indexes)
    runtime = exported(
        tmp_path / "runtime",
        real_python,
        stack.environment,
        name="py",
        dependencies=["base"],
        more=main,
    )
    framework = exported(
        tmp_path / "framework",
        real_python,
        stack.environment,
        name="framework-all",
        dependencies=["top", "odd-name", "native[more]", "special"],
        constraints=["base==1.0"],
        more=f'{uv}[tool.uv.sources]\nspecial = {{index = "extra"}}\n',
    )
    assert stack.metadata("py")["requirements_hash"] == expected_hash(runtime)
    assert stack.metadata("framework-all")["requirements_hash"] == expected_hash(
        framework, shared=("base",)
    )
    locked = tomllib.loads(stack.pylock("framework-all"))["packages"]
    relevant = [package for package in framework if holds_on(package)]
    assert [one["name"] for one in locked] == [one["name"] for one in relevant]
    assert [one.get("index") for one in locked] == [
        None if one["name"] == "base" else one["index"] for one in relevant
    ]
    assert stack.versions("framework-all") == {
        "base": "1.0",
        "cpython": "1.0",
        "native": "1.0+local.7",
        "nt": "1.0",
        "odd-name": "10.0",
        "shell": "2.0 ; sys_platform != 'win32'",
        "special": "1.0",
        "top": "1.0",
        "windows": "1.0",
    }


def test_no_interpreter_of_the_version_is_needed(stack, index):
    """The stand-in answers for versions that this machine has none of, and for the past."""
    index.add("base", "1.0", requires=("old ; python_version < '3.9'",))
    index.add("old", "1.0")
    for version, packages in (("3.15.0", {"base"}), ("3.8.20", {"base", "old"})):
        stack.write(
            f'[[runtimes]]\nname = "py"\npython_implementation = "cpython@{version}"\n'
            'requirements = ["base"]\n'
        )
        stack.lock()
        assert set(stack.versions("py")) == packages


def sha256(*texts):
    return "sha256:" + hashlib.sha256("".join(texts).encode()).hexdigest()


def test_a_lock_that_venvstacks_made_is_built_as_it_stands(
    stack, index, real_python, test_store, tmp_path
):
    index.add("base", "1.0")
    index.add("base", "2.0")
    requirement, settings = 'requirements = ["base<2"]', f'url = "{index.url}"\ndefault = true\n'
    stack.path.write_text(
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\n'
        f'{requirement}\nplatforms = ["linux_x86_64"]\n[[tool.uv.index]]\n{settings}'
    )
    packages = exported(
        tmp_path / "runtime",
        real_python,
        stack.environment,
        name="py",
        dependencies=["base<2"],
        more=f"[[tool.uv.index]]\n{settings}",
    )
    folder = stack.folder / "requirements" / "py"
    folder.mkdir(parents=True)
    lock = {"lock-version": "1.0", "created-by": "uv", "requires-python": "==3.13.*"}
    lock_file, metadata_file = folder / "pylock.py.toml", folder / "pylock.py.meta.json"
    lock_file.write_text(tomli_w.dumps({**lock, "packages": packages}))
    metadata = {
        "requirements_hash": expected_hash(packages),
        "lock_input_hash": sha256("base<2"),
        "other_inputs_hash": sha256("py_version=3.13", "linux_target=glibc@2.28"),
        "version_inputs_hash": sha256("env_name=py", "is_versioned_layer=False"),
        "lock_version": 1,
        "locked_at": "2025-10-11T00:00:00+00:00",
    }
    metadata_file.write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
    before = lock_file.read_bytes()
    index.asked.clear()

    built = subprocess.run(
        [sys.executable, "-m", "ocistacks", "build", stack.path],
        env={
            **stack.environment,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "OCISTACKS_STORE": str(test_store.root),
            "OCISTACKS_BUILDER": "local",
            "OCISTACKS_BASE_IMAGE": "none",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 0, built.stderr
    assert not any(path.startswith("/simple/") for path in index.asked), "it was not resolved"
    assert lock_file.read_bytes() == before
    recorded = stack.metadata("py")
    assert list(recorded.pop("ocistacks")["python"]) == ["linux_x86_64"]
    assert recorded == metadata
    assert sorted(path.name for path in folder.iterdir()) == [
        "pylock.py.meta.json",
        "pylock.py.toml",
    ]
    assert stack.outcomes() == {"py": "unchanged"}
    assert lock_file.read_bytes() == before
