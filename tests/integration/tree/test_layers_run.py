"""Layers that were packed run wherever plain tools unpack them: read-only, under any user."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ocistacks.request.model import ScriptInput
from ocistacks.spec.names import LayerKind

SITE_PACKAGES = "lib/python3.13/site-packages"
DEPTHS = ("shallow", "a/much deeper/place")
APPLICATION = "app-demo@1"
LOWER = {
    "framework-base": ("runtime",),
    "framework-left": ("framework-base", "runtime"),
    "framework-right": ("framework-base", "runtime"),
    APPLICATION: ("framework-left", "framework-right", "framework-base", "runtime"),
}
HELLO = """\
import sys
NAME = "hello"

def main():
    print(NAME, sys.argv[1:])
"""
DEMO = """\
import json, sys
import hello, inbase, inleft, inright, inruntime, shared, viapth
print(json.dumps({
    "name": __name__, "arguments": sys.argv[1:], "prefix": sys.prefix, "base": sys.base_prefix,
    "path": sys.path, "shared": shared.NAME, "all": [
        module.NAME for module in (hello, inbase, inleft, inright, inruntime, viapth)
    ],
}))
"""


def framework_wheel(shop, side):
    text = f"import sys\nNAME = '{side}'\ndef tell():\n    print(NAME, *sys.argv[1:], sys.prefix)\n"
    files = {f"in{side}.py": text, "shared.py": f"NAME = '{side}'\n"}
    if side == "base":
        files |= {"base-extra.pth": "beside\n", "beside/viapth.py": "NAME = 'through .pth'\n"}
    return shop.wheel(side, files)


@pytest.fixture(scope="module")
def trees(tmp_path_factory, make_workshop, runtime):
    """The trees of a diamond: an application on left and right, which both stand on base."""
    shop = make_workshop(tmp_path_factory.mktemp("diamond"))
    hello = shop.wheel(
        "hello",
        {
            "hello.py": HELLO,
            "hello-1.0.data/scripts/hello-script": "#!python\nimport hello\nhello.main()\n",
            "hello-1.0.data/scripts/hello-shell": "#!/bin/sh\necho shell $1\n",
            "hello-1.0.data/data/share/hello/data.txt": "data\n",
            "hello-1.0.data/headers/hello.h": "#define HELLO\n",
        },
        entry_points="[console_scripts]\nsay-hello = hello:main\n",
    )
    built = {"runtime": runtime[1]}
    for target, lower in LOWER.items():
        if target == APPLICATION:
            changes = {
                "kind": LayerKind.APPLICATION,
                "wheels": (hello,),
                "modules": shop.modules("demo", {"demo.py": DEMO}),
                "lower_scripts": (
                    ScriptInput(name="say-hello", module="hidden", attribute="by.its.own"),
                    ScriptInput(name="tell-base", module="inbase", attribute="tell"),
                ),
            }
        else:
            changes = {"wheels": (framework_wheel(shop, target.removeprefix("framework-")),)}
        built[target] = shop.assemble(shop.request(target, lower_targets=lower, **changes))
    return built


@pytest.fixture(scope="module")
def blobs(trees, tmp_path_factory, make_workshop):
    shop = make_workshop(tmp_path_factory.mktemp("blobs"))
    return [shop.pack(tree) for tree in trees.values()]


@pytest.fixture(params=DEPTHS)
def deployed(request, blobs, unpack):
    return unpack(blobs, request.param)


def test_an_application_imports_from_its_layers_in_order(deployed, run_there):
    finished = run_there(deployed / APPLICATION / "bin/python", "-m", "demo", "a b", "c")
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    runtime = str(deployed / "runtime")
    in_order = [APPLICATION, "framework-left", "framework-right", "framework-base"]
    packages = [str(deployed / layer / SITE_PACKAGES) for layer in in_order]
    assert told == {
        "name": "__main__",
        "arguments": ["a b", "c"],
        "prefix": str(deployed / APPLICATION),
        "base": runtime,
        "shared": "left",
        "all": ["hello", "base", "left", "right", "runtime", "through .pth"],
        "path": [
            "/",
            *(f"{runtime}/lib/{name}" for name in ("python313.zip", "python3.13")),
            f"{runtime}/lib/python3.13/lib-dynload",
            *packages,
            f"{packages[-1]}/beside",
            f"{runtime}/{SITE_PACKAGES}",
        ],
    }


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("say-hello", "hello ['a b', 'c']\n"),
        ("hello-script", "hello ['a b', 'c']\n"),
        ("hello-shell", "shell a b\n"),
    ],
)
def test_scripts_find_the_interpreter_beside_them(deployed, run_there, script, printed):
    finished = run_there(deployed / APPLICATION / "bin" / script, "a b", "c")
    assert (finished.stdout, finished.stderr) == (printed, "")


def test_scripts_of_lower_layers_run_from_the_application(deployed, run_there):
    """They see all that the application imports; its own script of a name stays."""
    finished = run_there(deployed / APPLICATION / "bin/tell-base", "x y")
    assert finished.stdout == f"base x y {deployed / APPLICATION}\n", finished.stderr
    assert "hidden" not in (deployed / APPLICATION / "bin/say-hello").read_text()
    assert not (deployed / "framework-left/bin/tell-base").exists()


def test_a_script_runs_through_a_link_from_elsewhere(deployed, run_there):
    link = deployed.parent / f"link-{deployed.name}"
    link.symlink_to(deployed / APPLICATION / "bin/say-hello")
    assert run_there(link).stdout == "hello []\n"


def test_the_other_files_of_a_wheel_are_there(deployed):
    application = deployed / APPLICATION
    assert (application / "share/hello/data.txt").read_text() == "data\n"
    header = application / "include/site/python3.13/hello/hello.h"
    assert header.read_text() == "#define HELLO\n"


def test_bytecode_is_taken_as_it_is_and_nothing_is_written(deployed, run_there):
    finished = run_there(deployed / APPLICATION / "bin/python", "-v", "-m", "demo")
    assert finished.returncode == 0, finished.stderr
    told = finished.stderr.splitlines()
    assert [line for line in told if line.startswith("# wrote")] == []
    assert [line for line in told if "code object from '" in line and ".py'" in line] == []
    names = ("demo", "hello", "shared", "inbase", "sitecustomize", "viapth", "encodings/__init__")
    for name in names:
        ending = f"{name.rpartition('/')[2]}.cpython-313.pyc'"
        assert any("code object from '" in line and line.endswith(ending) for line in told), name


def test_tracebacks_show_where_the_files_are_now(deployed, run_there):
    code = "import hello; print(hello.main.__code__.co_filename)"
    finished = run_there(deployed / APPLICATION / "bin/python", "-c", code)
    assert finished.stdout == f"{deployed}/{APPLICATION}/{SITE_PACKAGES}/hello.py\n"


@pytest.mark.parametrize("options", [(), ("-X", "utf8", "-I")], ids=["plain", "isolated"])
@pytest.mark.parametrize("python", ["runtime/bin/python", sys.executable], ids=["own", "other"])
def test_any_python_runs_postinstall_from_the_lowest_layer_up(deployed, run_there, python, options):
    before = sorted(deployed.rglob("*"))
    for layer in ("runtime", *LOWER):
        script = deployed / layer / "postinstall.py"
        finished = run_there(deployed / python, *options, script, "ignored argument")
        assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert sorted(deployed.rglob("*")) == before


def test_postinstall_takes_a_layer_that_is_reached_through_a_link(deployed, run_there):
    for depth in ("one", "one/two"):
        place = deployed.parent / f"links-{deployed.name}" / depth
        place.mkdir(parents=True)
        (place / APPLICATION).symlink_to(deployed / APPLICATION)
        assert run_there(sys.executable, place / APPLICATION / "postinstall.py").returncode == 0


def test_postinstall_names_the_siblings_that_miss(deployed, run_there):
    script = deployed / APPLICATION / "postinstall.py"
    subprocess.run(["chmod", "u+w", deployed], check=True)
    (deployed / "framework-left").rename(deployed / "elsewhere")
    (deployed / "runtime").rename(deployed / "away")
    finished = run_there(sys.executable, script)
    assert finished.returncode == 1
    assert finished.stderr == (
        f"{APPLICATION} needs beside it: ../runtime/bin/python, "
        f"../framework-left/{SITE_PACKAGES}, ../runtime/{SITE_PACKAGES}\n"
    )


def test_no_file_tells_where_it_was_built(trees):
    for target, tree in trees.items():
        work = str(tree.parents[1]).encode()
        for path in tree.rglob("*"):
            if path.is_symlink():
                assert not Path(path.readlink()).is_absolute(), path
            elif path.is_file():
                assert work not in path.read_bytes(), (target, path)


def test_every_source_has_bytecode_that_is_not_checked_against_it(trees):
    found = 0
    for tree in trees.values():
        for source in (tree / "lib").rglob("*.py"):
            pyc = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
            if not pyc.exists():
                with pytest.raises(SyntaxError):
                    compile(source.read_bytes(), str(source), "exec")
                continue
            assert pyc.read_bytes()[4:8] == b"\x01\0\0\0", pyc
            found += 1
    assert found > 500


def test_a_runtime_has_no_tools_to_install_packages(runtime):
    site_packages = runtime[1] / SITE_PACKAGES
    assert sorted(path.name for path in site_packages.iterdir() if "pycache" not in path.name) == [
        *("README.txt", "inruntime-1.0.dist-info", "inruntime.py"),
    ]
    scripts = {path.name for path in (runtime[1] / "bin").iterdir()}
    assert not [name for name in scripts if name.startswith(("pip", "wheel", "setuptools"))]
    assert "python3.13" in scripts
