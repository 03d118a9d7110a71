"""Launchers of Windows: which interpreter they start, where they come from, and what has one."""

import io
import subprocess
import sys
import zipfile

import pytest

from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.request.model import ScriptInput
from ocistacks.spec.names import LayerKind

LAUNCHED = {"greet.exe": "python.exe", "greet-gui.exe": "pythonw.exe"}


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
    greet = shop.greet()
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


def test_launchers_of_older_pythons_have_other_names(shop):
    older = {name: text for name, text in shop.python_files.items() if "venv" not in name}
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
