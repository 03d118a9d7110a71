"""postinstall.py on Windows: it writes what needs absolute paths, and compiles what is not."""

import json
import shutil
import subprocess
import sys

from ocistacks.spec.names import LayerKind

CACHE = "__pycache__/{}.cpython-313.pyc"


def postinstall(layer, python=sys.executable):
    return subprocess.run(
        [python, layer / "postinstall.py"], capture_output=True, text=True, check=False
    )


def test_postinstall_writes_what_needs_absolute_paths(deployed):
    application = deployed / "app-tell"
    (deployed / "framework-tools/Library/bin").mkdir(parents=True)
    assert postinstall(application).stderr == ""
    assert (application / "pyvenv.cfg").read_text() == (
        f"home = {deployed}/runtime\n"
        "include-system-site-packages = false\n"
        "version = 3.13.5\n"
        f"executable = {deployed}/runtime/python.exe\n"
    )
    chain = application / "Lib/site-packages/sitecustomize.py"
    script = (
        "import json, os, runpy, sys\n"
        "os.add_dll_directory = lambda folder, found=[]: found.append(folder) or found\n"
        "runpy.run_path(sys.argv[1])\n"
        "found = os.add_dll_directory.__defaults__[0]\n"
        "print(json.dumps([sys.path[-2:], found]))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, chain], capture_output=True, text=True, check=True
    )
    folders = [deployed / name / "Lib/site-packages" for name in ("framework-tools", "runtime")]
    libraries = [deployed / "framework-tools/Library/bin"]
    assert json.loads(told.stdout) == [list(map(str, folders)), list(map(str, libraries))]


def test_postinstall_can_be_run_again_where_the_layers_were_moved_to(deployed, tmp_path):
    assert postinstall(deployed / "app-tell").returncode == 0
    moved = deployed.rename(tmp_path / "moved")
    assert postinstall(moved / "app-tell").returncode == 0
    assert f"home = {moved}/runtime\n" in (moved / "app-tell/pyvenv.cfg").read_text()
    chain = (moved / "app-tell/Lib/site-packages/sitecustomize.py").read_text()
    assert str(moved) in chain
    assert str(deployed) not in chain


def test_postinstall_of_a_runtime_makes_no_environment(deployed, paths):
    before = paths(deployed / "runtime")
    assert postinstall(deployed / "runtime").returncode == 0
    assert paths(deployed / "runtime") == before


def test_postinstall_names_the_layers_that_are_missing(deployed):
    (deployed / "framework-tools").rename(deployed / "elsewhere")
    finished = postinstall(deployed / "app-tell")
    assert (finished.returncode, finished.stderr) == (
        1,
        f"app-tell needs beside it: {deployed}/framework-tools\n",
    )
    assert not (deployed / "app-tell/pyvenv.cfg").exists()


def test_postinstall_is_content_with_layers_without_packages(shop, tmp_path):
    """A blob has no empty folders."""
    for name in ("runtime", "framework-empty"):
        kind = LayerKind.RUNTIME if name == "runtime" else LayerKind.FRAMEWORK
        tree = shop.assemble(shop.request(name, kind=kind))
        for folder in (tree / "Lib/site-packages", tree / "Lib"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        shutil.copytree(tree, tmp_path / name)
    layer = tmp_path / "framework-empty"
    assert not (layer / "Lib").exists()
    assert postinstall(layer).stderr == ""
    assert (layer / "Lib/site-packages/sitecustomize.py").is_file()


def test_postinstall_compiles_what_has_no_bytecode_with_the_layers_own_python(
    shop, runtime, paths, tmp_path
):
    for tree in shop.layers(bytecode=False):
        shutil.copytree(tree, tmp_path / "deployed" / tree.name)
    framework = tmp_path / "deployed" / "framework-tools"
    assert postinstall(framework, runtime[1] / "bin/python").stderr == ""
    assert {path for path in paths(framework) if path.endswith(".pyc")} == {
        f"Lib/site-packages/{CACHE.format('greet')}"
    }
