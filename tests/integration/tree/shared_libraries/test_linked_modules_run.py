"""Libraries that one wheel carries are found by what another wheel links to, in any layer below."""

import json
import subprocess

import pytest

LINKS = "share/venv/dynlib"
DEPTHS = ("shallow", "a/much deeper/place")
BASE, HIGH, APPLICATION = "framework-base", "framework-high@3", "app-demo"
# Where the inner library, the outer one that needs it, and the module that needs the outer one lie.
ONE_FRAMEWORK = (BASE, BASE, APPLICATION)
TWO_FRAMEWORKS = (BASE, HIGH, APPLICATION)
PLACES = {
    "one layer": (APPLICATION, APPLICATION, APPLICATION),
    "one framework": ONE_FRAMEWORK,
    "two frameworks": TWO_FRAMEWORKS,
    "the runtime": ("runtime", HIGH, HIGH),
}
ANSWER = "import linked; print(linked.answer())"


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_a_module_finds_what_it_is_linked_with(stack, wheels_of, places, unpack, run_there):
    blobs = stack(wheels_of(), places)
    for depth in DEPTHS:
        finished = run_there(unpack(blobs, depth) / APPLICATION / "bin/python", "-c", ANSWER)
        assert (finished.stdout, finished.stderr) == ("42\n", ""), depth


def test_a_library_that_the_user_names_goes_first(
    stack, wheels_of, binaries, unpack, run_there, tmp_path_factory
):
    """As with upstream's wrapper, which appends to LD_LIBRARY_PATH."""
    blobs = stack(wheels_of(), TWO_FRAMEWORKS)
    folder = unpack(blobs, "here")
    preferred = unpack([], "preferred")
    subprocess.run(["chmod", "u+w", preferred], check=True)
    (preferred / "libouter.so.2").write_bytes(binaries["other"])
    python = folder / APPLICATION / "bin/python"
    finished = run_there("env", f"LD_LIBRARY_PATH={preferred}", python, "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_what_is_loaded_by_name_needs_the_folders_that_the_layer_tells(
    stack, wheels_of, unpack, run_there
):
    folder = unpack(stack(wheels_of(), TWO_FRAMEWORKS), "here")
    application = folder / APPLICATION
    described = json.loads((application / "share/venv/metadata/venvstacks_layer.json").read_text())
    assert described["dynlib_dirs"] == [
        f"../{HIGH}/{LINKS}",
        f"../{BASE}/{LINKS}",
        f"../runtime/{LINKS}",
    ]
    code = "import ctypes; print(ctypes.CDLL('libouter.so.2').outer())"
    finished = run_there(application / "bin/python", "-c", code)
    assert "OSError: libouter.so.2: cannot open shared object file" in finished.stderr
    folders = ":".join(str(application / name) for name in described["dynlib_dirs"])
    named = run_there("env", f"LD_LIBRARY_PATH={folders}", application / "bin/python", "-c", code)
    assert (named.stdout, named.stderr) == ("42\n", "")
    path = f"os.path.join(sys.prefix, '../{HIGH}/{LINKS}/libouter.so.2')"
    code = f"import ctypes, os, sys; print(ctypes.CDLL({path}).outer())"
    finished = run_there(application / "bin/python", "-c", code)
    assert (finished.stdout, finished.stderr) == ("42\n", "")


def test_excluded_libraries_are_not_found_by_other_layers(stack, wheels_of, unpack, run_there):
    wheels = wheels_of()
    excluded = ("inner/**/libinner.*",)
    blobs = stack(wheels, TWO_FRAMEWORKS, dynlib_exclude=excluded)
    finished = run_there(unpack(blobs, "here") / APPLICATION / "bin/python", "-c", ANSWER)
    assert finished.stderr.endswith(
        "ImportError: libinner.so.1: cannot open shared object file: No such file or directory\n"
    )


def test_excluded_libraries_are_still_found_by_their_own_layer(
    stack, wheels_of, links, unpack, run_there
):
    wheels = wheels_of()
    blobs = stack(wheels, ONE_FRAMEWORK, dynlib_exclude=("libinner*",))
    folder = unpack(blobs, "here")
    assert sorted(links(folder / BASE)) == ["libouter.so.2"]
    finished = run_there(folder / APPLICATION / "bin/python", "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("42\n", "")
