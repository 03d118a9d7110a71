"""What wheels may bring: what their RECORD tells, and nothing that every layer has itself."""

import base64
import hashlib
import json
import sys

import pytest

from ocistacks.errors import BuildError
from ocistacks.spec.names import LayerKind
from ocistacks.tree.scripts import relocatable_header

SITE_PACKAGES = "lib/python3.13/site-packages"
EMPTY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def refusal(shop, request):
    """Return the message by which a request is refused; nothing of a tree may be left."""
    with pytest.raises(BuildError) as caught:
        shop.assemble(request)
    assert [path.name for work in shop.folder.glob("work-*") for path in work.iterdir()] in (
        [],
        ["tree"],
    )
    assert not list(shop.folder.glob("work-*/tree/*"))
    return str(caught.value)


def interpreter_line(script):
    return script.read_bytes().splitlines()[1]


def interpreter_beside(name):
    return relocatable_header(name).splitlines()[1]


def silent(rows):
    return {path: row for path, row in rows.items() if path != "liar.py"}


def unhashed(rows):
    return {**rows, "liar.py": ("", "")}


def weak(rows):
    return {**rows, "liar.py": ("md5=1B2M2Y8AsgTpgAmY7PhCfg", 0)}


def disagreement(found):
    return (
        "A wheel's own list of files disagrees with its files.\n"
        "  where: liar-1.0-py3-none-any.whl, liar-1.0.dist-info/RECORD\n"
        f"  found: {found}\n"
        "  expected: each file once, with the hash that RECORD has for it\n"
        "  hint: the wheel was changed after it was made; lock another version, or another index"
    )


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (silent, "RECORD has no hash for it"),
        (unhashed, "RECORD has no hash for it"),
        (weak, "RECORD has a md5 hash for it, which proves nothing"),
    ],
    ids=["silent", "unhashed", "weak"],
)
def test_a_wheel_with_an_incomplete_record_is_refused(workshop, record, found):
    wheel = workshop.wheel("liar", {"liar.py": "x=1\n"}, record=record)
    request = workshop.request("framework-x", wheels=(wheel,))
    assert refusal(workshop, request) == disagreement(f"liar.py: {found}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("liar.py", "x=1\n"),
        ("liar/data.bin", "x=1\n"),
        ("liar-1.0.data/scripts/liar", "#!python\nx=1\n"),
        ("liar-1.0.data/headers/liar.h", "x=1\n"),
        ("liar-1.0.data/purelib/liar.py", "x=1\n"),
        ("liar-1.0.dist-info/LICENSE", "x=1\n"),
    ],
)
def test_a_file_that_is_not_what_its_record_says_is_refused(workshop, path, text):
    honest = workshop.wheel("honest", {"honest.py": "y = 2\n"})
    wheel = workshop.wheel(
        "liar", {path: text}, record=lambda rows: {**rows, path: (f"sha256={EMPTY}", 0)}
    )
    with pytest.raises(BuildError) as caught:
        workshop.assemble(workshop.request("framework-x", wheels=(honest, wheel)))
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    assert str(caught.value) == disagreement(f"{path}: sha256={digest}, not sha256={EMPTY}")


def test_many_faults_are_told_in_part(workshop):
    files = {f"liar{number}.py": "x=1\n" for number in range(7)}
    wheel = workshop.wheel("liar", files, record=lambda _rows: {})
    message = refusal(workshop, workshop.request("framework-x", wheels=(wheel,)))
    assert message.count("RECORD has no hash for it") == 5
    assert "\n    and 4 more\n" in message


def test_what_is_no_wheel_is_refused(workshop):
    wheel = workshop.wheel("broken", {"broken.py": "x=1\n"})
    workshop.material(wheel.digest).write_bytes(b"no archive")
    assert refusal(workshop, workshop.request("framework-x", wheels=(wheel,))) == (
        "A wheel cannot be read.\n"
        "  where: broken-1.0-py3-none-any.whl\n"
        "  found: File is not a zip file\n"
        "  expected: a zip archive\n"
        "  hint: lock another version of the package, or another index"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sitecustomize.py", f"{SITE_PACKAGES}/sitecustomize.py"),
        ("greedy-1.0.data/data/pyvenv.cfg", "pyvenv.cfg"),
        ("greedy-1.0.data/scripts/python3", "bin/python3"),
        ("greedy-1.0.data/data/postinstall.py", "postinstall.py"),
        ("greedy-1.0.data/data/share/venv/dynlib/x.so", "share/venv/dynlib/x.so"),
    ],
)
def test_a_wheel_cannot_replace_what_makes_the_layer(workshop, path, name):
    wheel = workshop.wheel("greedy", {path: "\n"})
    assert refusal(workshop, workshop.request("framework-x", wheels=(wheel,))) == (
        "A wheel brings a file that every layer has of its own.\n"
        "  where: layer framework-x, greedy-1.0-py3-none-any.whl\n"
        f"  found: {name}\n"
        "  hint: leave the package out of the layer, or lock a version without that file"
    )


def test_a_console_script_cannot_be_the_interpreter(workshop):
    wheel = workshop.wheel(
        "greedy", {"greedy.py": "\n"}, entry_points="[console_scripts]\npython = greedy:main\n"
    )
    message = refusal(workshop, workshop.request("framework-x", wheels=(wheel,)))
    assert "\n  found: bin/python\n" in message


def test_a_module_cannot_replace_a_file_of_a_wheel(workshop):
    wheel = workshop.wheel("taken", {"demo.py": "\n"})
    modules = workshop.modules("demo", {"demo.py": "print()\n"})
    request = workshop.request(
        "app-x", kind=LayerKind.APPLICATION, wheels=(wheel,), modules=modules
    )
    with pytest.raises(BuildError) as caught:
        workshop.assemble(request)
    assert str(caught.value) == (
        "A launch or support module has the name of a file that is there already.\n"
        "  where: layer app-x\n"
        "  found: site-packages/demo.py\n"
        "  hint: give the module another name"
    )


def test_environments_of_newer_pythons_are_refused_before_any_work(workshop):
    request = workshop.request("framework-x", version="3.14.0")
    assert refusal(workshop, request) == (
        "Layers above a runtime cannot be built for Python 3.14 yet.\n"
        "  where: layer framework-x\n"
        "  expected: Python 3.13 or older\n"
        "  hint: choose an older python_implementation for the runtime"
    )


def test_of_two_wheels_with_the_same_file_the_later_wins_every_time(bare_workshop):
    shop = bare_workshop
    wheels = tuple(
        shop.wheel(name, {"shared.py": f"NAME = '{name}'\n", f"{name}.py": "\n"})
        for name in ("first", "last", "middle")
    )
    for _ in range(3):
        tree = shop.assemble(shop.request("framework-x", wheels=wheels, bytecode=False))
        assert (tree / SITE_PACKAGES / "shared.py").read_text() == "NAME = 'middle'\n"


def test_a_layer_without_bytecode_needs_no_python_of_its_version(bare_workshop):
    shop = bare_workshop
    wheel = shop.wheel(
        "plain",
        {
            "plain.py": "def main(): pass\n",
            "plain-1.0.data/headers/plain.h": "\n",
            "plain-1.0.data/scripts/with-env": "#!/usr/bin/env python3\n",
            "__pycache__/plain.cpython-313.pyc": "stale",
        },
        entry_points="[console_scripts]\nplain = plain:main\n",
    )
    assert sys.version_info[:2] != (3, 10), "the package itself needs a newer one"
    request = shop.request("framework-x", version="3.10.9", wheels=(wheel,), bytecode=False)
    tree = shop.assemble(request)
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir())
    information = "lib/python3.10/site-packages/plain-1.0.dist-info"
    files = ("INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL", "entry_points.txt")
    assert names == sorted(
        [
            *("bin/plain", "bin/python", "bin/python3", "bin/python3.10", "bin/with-env"),
            *("include/site/python3.10/plain/plain.h", "postinstall.py", "pyvenv.cfg"),
            *("lib/python3.10/site-packages/plain.py", "share/venv/metadata/venvstacks_layer.json"),
            "lib/python3.10/site-packages/sitecustomize.py",
            *(f"{information}/{name}" for name in files),
        ]
    )
    assert interpreter_line(tree / "bin/plain") == interpreter_beside("python3.10")
    assert (tree / "bin/with-env").read_text() == "#!/usr/bin/env python3\n"
    record = (tree / information / "RECORD").read_text()
    assert record.splitlines() == sorted(record.splitlines())
    assert "../../../include/site/python3.10/plain/plain.h" in record
    assert "pycache" not in record
    assert "uv_cache" not in record
    assert sys.prefix not in "".join(
        path.read_text() for path in tree.rglob("*") if path.is_file() and not path.is_symlink()
    )


def test_the_build_folder_may_have_spaces_in_its_name(make_workshop, tmp_path):
    folder = tmp_path / "a folder with 'quotes'"
    folder.mkdir()
    shop = make_workshop(folder)
    wheel = shop.wheel(
        "plain", {"plain.py": "\n"}, entry_points="[console_scripts]\nplain = plain:main\n"
    )
    tree = shop.assemble(shop.request("framework-x", wheels=(wheel,)))
    assert interpreter_line(tree / "bin/plain") == interpreter_beside("python3.13")


def test_the_layer_describes_itself_as_venvstacks_does(workshop):
    modules = workshop.modules("demo", {"demo.py": "\n"})
    request = workshop.request(
        "app-x",
        kind=LayerKind.APPLICATION,
        lower_targets=("framework-y@2", "runtime"),
        modules=modules,
    )
    tree = workshop.assemble(request)
    described = json.loads((tree / "share/venv/metadata/venvstacks_layer.json").read_text())
    assert described == {
        "base_python": "../runtime/bin/python",
        "dynlib_dirs": ["../framework-y@2/share/venv/dynlib", "../runtime/share/venv/dynlib"],
        "launch_module": "demo",
        "py_version": "3.13.5",
        "pylib_dirs": [f"../framework-y@2/{SITE_PACKAGES}", f"../runtime/{SITE_PACKAGES}"],
        "python": "bin/python",
        "site_dir": SITE_PACKAGES,
    }
