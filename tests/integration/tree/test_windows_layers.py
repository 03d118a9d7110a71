"""Layers for Windows, from a stand-in for its Python: where everything lies, and what it does."""

import io
import json
import shutil
import subprocess
import sys
import zipfile

import pytest

from ocistacks.errors import BuildError, UnsafeContentError
from ocistacks.platforms import Platform
from ocistacks.request.model import PythonInput, ScriptInput
from ocistacks.spec.names import LayerKind

PYTHON = {
    "python.exe": "python",
    "pythonw.exe": "pythonw",
    "python313.dll": "library",
    "DLLs/_ssl.pyd": "extension",
    "Lib/os.py": "NAME = 'os'\n",
    "Lib/site-packages/pip/__init__.py": "",
    "Lib/site-packages/pip-25.1.dist-info/METADATA": "",
    "Lib/venv/scripts/nt/venvlauncher.exe": "launcher",
    "Lib/venv/scripts/nt/venvwlauncher.exe": "launcher without a window",
    "Scripts/pip3.13.exe": "pip",
}
GREET = {
    "greet.py": "import sys\n\ndef main():\n    print('hello', *sys.argv[1:])\n",
    "greet-1.0.data/scripts/greet-script": "#!python\nimport greet\ngreet.main()\n",
    "greet-1.0.data/data/share/greet/data.txt": "data\n",
    "greet-1.0.data/headers/greet.h": "#define GREET\n",
}
ENTRY_POINTS = "[console_scripts]\ngreet = greet:main\n[gui_scripts]\ngreet-gui = greet:main\n"
COMMON = {"postinstall.py", "share/venv/metadata/venvstacks_layer.json"}
ENVIRONMENT = {"Scripts/python.exe", "Scripts/pythonw.exe", *COMMON}
LAUNCHED = {"greet.exe": "python.exe", "greet-gui.exe": "pythonw.exe"}
CACHE = "__pycache__/{}.cpython-313.pyc"


class WindowsWorkshop:
    """A workshop whose requests are for Windows, and whose Python is a stand-in."""

    def __init__(self, workshop):
        self.workshop = workshop
        self.python = workshop.archive("windows", PYTHON)

    def request(self, target, *, platform=Platform.WIN_AMD64, python=None, **changes):
        given = PythonInput(
            implementation="cpython", version="3.13.5", digest=python or self.python
        )
        return self.workshop.request(target, platform=platform, python=given, **changes)

    def assemble(self, request):
        needed = self.workshop.python_digest if request.bytecode else None
        return self.workshop.assemble(request, build_python=needed)

    def requests(self, **changes):
        """Return the requests of a runtime, a framework and an application."""
        greet = self.workshop.wheel("greet", GREET, entry_points=ENTRY_POINTS)
        inside = self.workshop.wheel("inside", {"inside.py": "NAME = 'inside'\n"})
        tell = self.workshop.modules("tell", {"tell.py": "import greet, inside\n"})
        return (
            self.request("runtime", kind=LayerKind.RUNTIME, wheels=(inside,), **changes),
            self.request("framework-tools", wheels=(greet,), **changes),
            self.request(
                "app-tell",
                kind=LayerKind.APPLICATION,
                lower_targets=("framework-tools", "runtime"),
                lower_scripts=(ScriptInput(name="greet", module="greet", attribute="main"),),
                modules=tell,
                **changes,
            ),
        )

    def layers(self, **changes):
        """Assemble those three and return their trees."""
        return [self.assemble(request) for request in self.requests(**changes)]


@pytest.fixture(scope="module")
def shop(make_workshop, tmp_path_factory):
    return WindowsWorkshop(make_workshop(tmp_path_factory.mktemp("windows")))


@pytest.fixture(scope="module")
def trees(shop):
    """The trees of a runtime, a framework and an application."""
    return shop.layers()


@pytest.fixture
def deployed(trees, tmp_path):
    """The folder in which the layers lie side by side."""
    for tree in trees:
        shutil.copytree(tree, tmp_path / "deployed" / tree.name)
    return tmp_path / "deployed"


def paths(tree):
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}


def below(folder, *names):
    return {f"{folder}/{name}" for name in names}


def wheel_files(name):
    metadata = ("INSTALLER", "METADATA", "RECORD", "WHEEL")
    information = below(f"{name}-1.0.dist-info", *metadata)
    return {f"{name}.py", CACHE.format(name), *information}


def test_everything_lies_where_python_has_it_there(trees):
    runtime, framework, application = trees
    tools = ("Scripts/pip3.13.exe", "Lib/site-packages/pip")
    assert paths(runtime) == {
        *(name for name in PYTHON if not name.startswith(tools)),
        *below("Lib", CACHE.format("os")),
        *below("Lib/site-packages", *wheel_files("inside")),
        *COMMON,
    }
    assert paths(framework) == {
        *below("Lib/site-packages", *wheel_files("greet"), "greet-1.0.dist-info/entry_points.txt"),
        *below("Scripts", "greet.exe", "greet-gui.exe", "greet-script"),
        "Include/site/python3.13/greet/greet.h",
        "share/greet/data.txt",
        *ENVIRONMENT,
    }
    assert paths(application) == {
        *below("Lib/site-packages", "tell.py", CACHE.format("tell")),
        "Scripts/greet.exe",
        *ENVIRONMENT,
    }
    assert (application / "Scripts/python.exe").read_text() == "launcher"
    assert (application / "Scripts/pythonw.exe").read_text() == "launcher without a window"


def test_the_configuration_is_in_the_notation_of_windows(trees):
    application = trees[2]
    path = application / "share/venv/metadata/venvstacks_layer.json"
    assert json.loads(path.read_text()) == {
        "python": "Scripts\\python.exe",
        "py_version": "3.13.5",
        "base_python": "..\\runtime\\python.exe",
        "site_dir": "Lib\\site-packages",
        "pylib_dirs": [
            "..\\framework-tools\\Lib\\site-packages",
            "..\\runtime\\Lib\\site-packages",
        ],
        "dynlib_dirs": ["..\\framework-tools\\Library\\bin", "..\\runtime\\Library\\bin"],
        "launch_module": "tell",
    }


def test_record_tells_where_a_wheel_put_its_files(trees):
    site_packages = trees[1] / "Lib/site-packages"
    rows = (site_packages / "greet-1.0.dist-info/RECORD").read_text().splitlines()
    names = [row.split(",")[0] for row in rows]
    assert names == sorted(names)
    assert set(names) == {
        *(name for name in wheel_files("greet") if "__pycache__" not in name),
        "greet-1.0.dist-info/entry_points.txt",
        *below("../../Scripts", "greet.exe", "greet-gui.exe", "greet-script"),
        "../../Include/site/python3.13/greet/greet.h",
        "../../share/greet/data.txt",
    }
    for row in rows:
        name, _hash, size = row.split(",")
        assert (site_packages / name).stat().st_size == int(size or -1) or name.endswith("RECORD")


@pytest.mark.parametrize("platform", [Platform.WIN_AMD64, Platform.WIN_ARM64])
def test_launchers_start_the_interpreter_beside_them(shop, platform):
    _runtime, request, _application = shop.requests(platform=platform)
    framework = shop.assemble(request)
    contents = {name: (framework / "Scripts" / name).read_bytes() for name in LAUNCHED}
    for name, python in LAUNCHED.items():
        machine = int.from_bytes(contents[name][_pe_header(contents[name]) :][4:6], "little")
        assert machine == {Platform.WIN_AMD64: 0x8664, Platform.WIN_ARM64: 0xAA64}[platform]
        with zipfile.ZipFile(io.BytesIO(contents[name])) as archive:
            [member] = archive.infolist()
            code = archive.read(member).decode()
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            start = contents[name][: member.header_offset]
        assert start.endswith(b"#!<launcher_dir>\\" + python.encode() + b"\n")
    finished = subprocess.run(
        [sys.executable, "-c", code, "a b"],
        env={"PYTHONPATH": str(framework / "Lib/site-packages")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == "hello a b\n"


def _pe_header(content):
    assert content[:2] == b"MZ"
    start = int.from_bytes(content[0x3C:0x40], "little")
    assert content[start : start + 4] == b"PE\0\0"
    return start


def test_a_runtimes_launchers_look_one_folder_up(shop):
    greet = shop.workshop.wheel("greet", GREET, entry_points=ENTRY_POINTS)
    tree = shop.assemble(shop.request("runtime", kind=LayerKind.RUNTIME, wheels=(greet,)))
    content = (tree / "Scripts/greet.exe").read_bytes()
    assert b"#!<launcher_dir>\\..\\python.exe\n" in content


def test_an_application_offers_the_scripts_of_the_layers_below(trees):
    _runtime, framework, application = trees
    launchers = [(tree / "Scripts/greet.exe").read_bytes() for tree in (framework, application)]
    assert launchers[0] == launchers[1]


def test_a_script_of_its_own_stays_before_one_from_below(shop):
    own = shop.workshop.wheel("own", {}, entry_points="[console_scripts]\nGreet = own:main\n")
    below = ScriptInput(name="greet", module="greet", attribute="main")
    tree = shop.assemble(shop.request("app-own", wheels=(own,), lower_scripts=(below,)))
    assert {path.name for path in (tree / "Scripts").iterdir()} == {
        *("Greet.exe", "python.exe", "pythonw.exe"),
    }


def test_plain_scripts_name_no_place(trees):
    framework = trees[1]
    assert (framework / "Scripts/greet-script").read_text() == (
        "#!python\nimport greet\ngreet.main()\n"
    )


def test_bytecode_names_the_install_target(trees):
    framework = trees[1]
    content = (framework / "Lib/site-packages" / CACHE.format("greet")).read_bytes()
    assert content[4:8] == b"\x01\0\0\0"
    assert b"framework-tools/Lib/site-packages/greet.py" in content


def test_the_same_request_gives_the_same_bytes(shop):
    for request in shop.requests():
        blobs = [shop.workshop.pack(shop.assemble(request)).read_bytes() for _ in range(2)]
        assert blobs[0] == blobs[1]


def test_without_bytecode_no_other_python_is_needed(shop):
    runtime, framework, _application = shop.layers(bytecode=False)
    assert not [*runtime.rglob("*.pyc"), *framework.rglob("*.pyc")]
    assert (framework / "Scripts/python.exe").read_text() == "launcher"


def test_launchers_of_older_pythons_have_other_names(shop):
    older = {name: text for name, text in PYTHON.items() if "venv" not in name}
    older |= {
        "Lib/venv/scripts/nt/python.exe": "older",
        "Lib/venv/scripts/nt/pythonw.exe": "older without a window",
    }
    digest = shop.workshop.archive("older", older)
    tree = shop.assemble(shop.request("framework-empty", python=digest))
    assert (tree / "Scripts/python.exe").read_text() == "older"
    assert (tree / "Scripts/pythonw.exe").read_text() == "older without a window"


def test_an_archive_without_launchers_is_told_of(shop):
    digest = shop.workshop.archive("bare", {"python.exe": "", "Lib/os.py": ""})
    with pytest.raises(BuildError) as caught:
        shop.assemble(shop.request("framework-empty", python=digest))
    assert str(caught.value) == (
        "The Python archive has no launcher for environments.\n"
        "  where: Lib/venv/scripts/nt, for Scripts/python.exe\n"
        "  found: no .exe\n"
        "  expected: venvlauncher.exe or python.exe\n"
        "  hint: name a complete archive in [tool.ocistacks.python_sources]"
    )


@pytest.mark.parametrize(
    "name",
    [
        "..\\..\\outside.py",
        "C:outside.py",
        "module.py:stream",
        "dot./module.py",
        "hostile-1.0.data/data/../outside.txt",
    ],
)
def test_names_that_mean_something_else_there_are_refused(shop, name):
    hostile = shop.workshop.wheel("hostile", {name: ""})
    with pytest.raises(UnsafeContentError) as caught:
        shop.assemble(shop.request("framework-hostile", wheels=(hostile,)))
    assert caught.value.what == (
        "A wheel brings a file with a name that Windows does not take as it is."
    )
    assert caught.value.where == "hostile-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "name", ["greet-1.0.data/scripts/Python.exe", "Sitecustomize.py"], ids=["python", "chain"]
)
def test_a_wheel_cannot_bring_what_a_layer_has_in_other_letters(shop, name):
    wheel = shop.workshop.wheel("greet", {name: ""})
    with pytest.raises(BuildError) as caught:
        shop.assemble(shop.request("framework-other", wheels=(wheel,)))
    assert caught.value.what == "A wheel brings a file that every layer has of its own."


def test_an_entry_point_that_names_nothing_is_told_of(shop):
    wheel = shop.workshop.wheel("greet", {}, entry_points="[console_scripts]\ngreet = greet\n")
    with pytest.raises(BuildError) as caught:
        shop.assemble(shop.request("framework-odd", wheels=(wheel,)))
    assert str(caught.value) == (
        "A wheel cannot be installed.\n"
        "  where: greet-1.0-py3-none-any.whl\n"
        "  found: an entry point that names no function\n"
        "  hint: lock another version of the package"
    )


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


def test_postinstall_of_a_runtime_makes_no_environment(deployed):
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
    shop, runtime, tmp_path
):
    for tree in shop.layers(bytecode=False):
        shutil.copytree(tree, tmp_path / "deployed" / tree.name)
    framework = tmp_path / "deployed" / "framework-tools"
    assert postinstall(framework, runtime[1] / "bin/python").stderr == ""
    assert {path for path in paths(framework) if path.endswith(".pyc")} == {
        f"Lib/site-packages/{CACHE.format('greet')}"
    }
