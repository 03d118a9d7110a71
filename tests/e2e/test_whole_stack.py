"""All that a stack can hold at once, published, and run on the other side of plain tar.

Two runtimes, a diamond of frameworks, versioned layers, wheels from a local folder, one of them
built from an sdist, a console script, and a shared library that another layer's module links to.
"""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from ocistacks.platforms import Platform

PLATFORM = Platform.of_this_machine()
TAG = f"cp313-cp313-{PLATFORM}"
SPEC = """
[[runtimes]]
name = "main"
python_implementation = "cpython@3.13.5"
requirements = []
platforms = ["{platform}"]

[[runtimes]]
name = "other"
python_implementation = "cpython@3.13.5"
requirements = ["plain"]
versioned = true
platforms = ["{platform}"]

[[frameworks]]
name = "carrier"
runtime = "main"
requirements = ["carrier"]

[[frameworks]]
name = "left"
frameworks = ["carrier"]
requirements = ["consumer"]

[[frameworks]]
name = "right"
frameworks = ["carrier"]
versioned = true
requirements = ["sdistonly"]

[[applications]]
name = "diamond"
frameworks = ["left", "right"]
requirements = ["scripted"]
launch_module = "launch.py"

[[applications]]
name = "apart"
runtime = "other"
requirements = []
launch_module = "apart.py"
"""
LAUNCH = """
import json, sys
import consumer, scripted, sdistonly
print(json.dumps({
    "doubled": consumer.doubled(21),
    "from": {
        name: sys.modules[name].__file__.split("/lib/")[0].rpartition("/")[2]
        for name in ("consumer", "scripted", "sdistonly")
    },
    "prefix": sys.prefix,
}))
"""
LIBRARY = "int doubled(int number) { return 2 * number; }\n"
CONSUMER = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
int doubled(int);
static PyObject *call(PyObject *self, PyObject *number) {
    return PyLong_FromLong(doubled((int)PyLong_AsLong(number)));
}
static PyMethodDef methods[] = {{"doubled", call, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "consumer", NULL, -1, methods};
PyMODINIT_FUNC PyInit_consumer(void) { return PyModule_Create(&module); }
"""
FOLDERS = ("main", "other@1", "framework-carrier", "framework-left", "framework-right@1",
           "app-diamond", "app-apart")  # fmt: skip


def run(*command, **options):
    finished = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def wheel(folder, name, files, *, tag="py3-none-any", entry_points=""):
    """Write a wheel of version 1.0 with the files, given as bytes or text."""
    information = f"{name}-1.0.dist-info"
    contents = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{information}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
        ),
    }
    if entry_points:
        contents[f"{information}/entry_points.txt"] = entry_points
    rows = []
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            archive.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(data)}\n")
        archive.writestr(f"{information}/RECORD", "".join([*rows, f"{information}/RECORD,,\n"]))


@pytest.fixture(scope="module")
def project(tmp_path_factory, command_line):
    """The specification with its modules, and its wheels in two folders; nothing is locked yet."""
    folder = tmp_path_factory.mktemp("project")
    spec = folder / "venvstacks.toml"
    spec.write_text(SPEC.format(platform=PLATFORM))
    (folder / "launch.py").write_text(LAUNCH)
    (folder / "apart.py").write_text("import plain, sys; print(plain.NAME, sys.prefix)\n")
    given = folder / "given"
    given.mkdir()
    wheel(given, "plain", {"plain.py": "NAME = 'plain'\n"})
    wheel(
        given,
        "scripted",
        {"scripted.py": "def main():\n    import consumer\n    print(consumer.doubled(4))\n"},
        entry_points="[console_scripts]\ndouble-four = scripted:main\n",
    )
    sdist(given)
    library, module = compiled(folder, command_line)
    wheel(given, "carrier", {"carrier/__init__.py": "", "carrier/lib/libcarrier.so.7": library})
    wheel(
        given,
        "consumer",
        {f"consumer.cpython-313-{PLATFORM.machine}-linux-gnu.so": module},
        tag=TAG,
    )
    return spec


def compiled(folder, command_line):
    """Return a library with a versioned name, and a module that needs it by that name."""
    python = folder / "python"
    (folder / "headers.toml").write_text(
        SPEC.partition('[[runtimes]]\nname = "other"')[0].format(platform=PLATFORM)
    )
    command_line.succeed("lock", folder / "headers.toml", "--include", "main")
    command_line.succeed(
        "build", folder / "headers.toml", "--include", "main", "--build-dir", python
    )
    library, module = folder / "libcarrier.so.7", folder / "consumer.so"
    (folder / "library.c").write_text(LIBRARY)
    (folder / "consumer.c").write_text(CONSUMER)
    shared = ("gcc", "-shared", "-fPIC", "-o")
    run(*shared, library, "-Wl,-soname,libcarrier.so.7", folder / "library.c")
    headers = python / "main" / "include" / "python3.13"
    run(*shared, module, f"-I{headers}", folder / "consumer.c", library)
    return library.read_bytes(), module.read_bytes()


def sdist(folder):
    """Write the sdist of a package that has no wheel."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: sdistonly\nVersion: 1.0\n",
        "setup.py": "from setuptools import setup\n"
        "setup(name='sdistonly', version='1.0', py_modules=['sdistonly'])\n",
        "sdistonly.py": "NAME = 'sdistonly'\n",
    }
    with tarfile.open(folder / "sdistonly-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            header = tarfile.TarInfo(f"sdistonly-1.0/{name}")
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text.encode()))


@pytest.fixture(scope="module")
def published(project, command_line):
    """The folder of the archives, made from nothing but the specification and wheels."""
    folder = project.parent
    message = command_line.fail("lock", project, "--no-index", "--local-wheels", "given")
    assert "sdistonly" in message[1]
    assert "ocistacks wheels" in message[1]
    command_line.succeed("wheels", project, "sdistonly==1.0", UV_FIND_LINKS=str(folder / "given"))
    local = ("--local-wheels", "given", "--local-wheels", "wheels")
    command_line.succeed("lock", project, "--no-index", *local)
    command_line.succeed("build", project)
    told = command_line.succeed("publish", project)
    assert told.count("written") == len(FOLDERS)
    return folder / "_artifacts"


@pytest.fixture(params=["flat", "some/what deeper/down"])
def deployed(request, published):
    """The archives unpacked by tar, side by side, for everybody to read and nobody to write."""
    with tempfile.TemporaryDirectory(prefix="ocistacks-whole-") as top:
        Path(top).chmod(0o755)
        folder = Path(top) / request.param
        folder.mkdir(parents=True)
        for name in FOLDERS:
            run("tar", "-xf", published / f"{name}.tar.zst", "-C", folder)
        run("chmod", "-R", "a-w", folder)
        yield folder
        run("chmod", "-R", "u+w", top)


def as_nobody(*command):
    return run(
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"),
        *command,
        env={"PATH": os.defpath},
        cwd="/",
    )


def test_an_application_above_a_diamond_runs_where_tar_put_it(deployed):
    told = json.loads(as_nobody(deployed / "app-diamond/bin/python", "-m", "launch"))
    assert told == {
        "doubled": 42,
        "from": {
            "consumer": "framework-left",
            "scripted": "app-diamond",
            "sdistonly": "framework-right@1",
        },
        "prefix": str(deployed / "app-diamond"),
    }


def test_its_console_script_runs(deployed):
    assert as_nobody(deployed / "app-diamond/bin/double-four") == "8\n"


def test_an_application_of_another_runtime_runs_beside_it(deployed):
    told = as_nobody(deployed / "app-apart/bin/python", "-m", "apart")
    assert told == f"plain {deployed / 'app-apart'}\n"


def test_the_layers_name_the_versions_that_they_stand_on(published):
    metadata = json.loads((published / "__venvstacks__/env_metadata/app-diamond.json").read_text())
    assert metadata["runtime_layer"] == "main"
    assert metadata["required_layers"] == [
        "framework-left",
        "framework-right@1",
        "framework-carrier",
    ]
    apart = json.loads((published / "__venvstacks__/env_metadata/app-apart.json").read_text())
    assert apart["runtime_layer"] == "other@1"


def test_built_layers_lie_in_the_build_folder_and_lose_what_the_lock_drops(
    project, published, command_line, tmp_path
):
    folder = tmp_path / "again"
    shutil.copytree(project.parent, folder, ignore=shutil.ignore_patterns("_*", "python"))
    spec = folder / project.name
    command_line.succeed("build", spec)
    packages = folder / "_build/framework-right@1/lib/python3.13/site-packages"
    assert (packages / "sdistonly.py").is_file()
    assert run(folder / "_build/app-diamond/bin/double-four") == "8\n"

    spec.write_text(spec.read_text().replace('["sdistonly"]', "[]"))
    (folder / "launch.py").write_text("")
    command_line.succeed(
        *("build", spec, "--lock-if-needed", "--include", "framework-right", "--no-index"),
        *("--local-wheels", "given", "--local-wheels", "wheels"),
    )
    layers = {path.name for path in (folder / "_build").iterdir() if path.name[0] != "."}
    assert "framework-right@2" in layers
    assert not list((folder / "_build/framework-right@2").rglob("sdistonly*"))
