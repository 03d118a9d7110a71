"""Layers for Windows: where everything lies, what is in it, and which names are refused."""

import json

import pytest

from ocistacks.errors import BuildError, UnsafeContentError

COMMON = {"postinstall.py", "share/venv/metadata/venvstacks_layer.json"}
ENVIRONMENT = {"Scripts/python.exe", "Scripts/pythonw.exe", *COMMON}
CACHE = "__pycache__/{}.cpython-313.pyc"


def below(folder, *names):
    return {f"{folder}/{name}" for name in names}


def wheel_files(name):
    metadata = ("INSTALLER", "METADATA", "RECORD", "WHEEL")
    information = below(f"{name}-1.0.dist-info", *metadata)
    return {f"{name}.py", CACHE.format(name), *information}


def test_everything_lies_where_python_has_it_there(shop, trees, paths):
    runtime, framework, application = trees
    tools = ("Scripts/pip3.13.exe", "Lib/site-packages/pip")
    assert paths(runtime) == {
        *(name for name in shop.python_files if not name.startswith(tools)),
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
