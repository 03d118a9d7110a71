"""Libraries that one wheel carries are found by what another wheel links to, in any layer below."""

import base64
import csv
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind
from ocistacks.tree.elf import read_shared_object

SITE_PACKAGES = "lib/python3.13/site-packages"
LINKS = "share/venv/dynlib"
DEPTHS = ("shallow", "a/much deeper/place")
BASE, HIGH, APPLICATION = "framework-base", "framework-high@3", "app-demo"
LOWER = {
    "runtime": (),
    BASE: ("runtime",),
    HIGH: (BASE, "runtime"),
    APPLICATION: (HIGH, BASE, "runtime"),
}
# Where the inner library, the outer one that needs it, and the module that needs the outer one lie.
PLACES = {
    "one layer": (APPLICATION, APPLICATION, APPLICATION),
    "one framework": (BASE, BASE, APPLICATION),
    "two frameworks": (BASE, HIGH, APPLICATION),
    "the runtime": ("runtime", HIGH, HIGH),
}
MODULE_NAME = "linked.cpython-313-x86_64-linux-gnu.so"
ANSWER = "import linked; print(linked.answer())"

INNER = "int inner(void) { return 40; }\n"
OUTER = "int inner(void);\nint outer(void) { return inner() + 2; }\n"
OTHER = "int outer(void) { return 7; }\n"
MODULE = """\
#include <Python.h>
int outer(void);
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(outer()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "linked", 0, -1, methods};
PyMODINIT_FUNC PyInit_linked(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture(scope="module")
def binaries(compiled, runtime):
    """Two libraries, the module that needs one of them, and others like these."""
    inner = compiled(INNER, "libinner.so.1", "-Wl,-soname,libinner.so.1")
    outer = compiled(OUTER, "libouter.so.2", "-Wl,-soname,libouter.so.2", inner)
    headers = f"-I{runtime[1]}/include/python3.13"
    old_kind = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/own"
    made = {
        "inner": inner,
        "outer": outer,
        "other": compiled(OTHER, "libouter.so.2", "-Wl,-soname,libouter.so.2"),
        "module": compiled(MODULE, "linked.so", headers, outer),
        "old kind": compiled(MODULE, "linked.so", headers, outer, old_kind),
        "own path": compiled(MODULE, "linked.so", headers, outer, "-Wl,-rpath,$ORIGIN/own"),
        "bare": compiled(MODULE, "linked.so", headers, "-Wl,--unresolved-symbols=ignore-all"),
    }
    return {name: path.read_bytes() for name, path in made.items()}


def wheels_of(shop, binaries, *, module="module"):
    return (
        shop.wheel("inner", {"inner/lib/libinner.so.1": binaries["inner"]}),
        shop.wheel("outer", {"outer_files/libouter.so.2": binaries["outer"]}),
        shop.wheel("linked", {MODULE_NAME: binaries[module]}),
    )


def layer(shop, target, wheels, **changes):
    kind = {"runtime": LayerKind.RUNTIME, APPLICATION: LayerKind.APPLICATION}.get(target)
    given = {
        "kind": kind or LayerKind.FRAMEWORK,
        "lower_targets": LOWER[target],
        "wheels": tuple(wheels),
        "bytecode": False,
    }
    return shop.assemble(shop.request(target, **given, **changes))


@pytest.fixture
def stack(workshop, runtime):
    """A function from wheels and the layers they lie in to the blobs of all layers."""

    def built(wheels, places, **changes):
        blobs = []
        for target in LOWER:
            here = [wheel for wheel, place in zip(wheels, places, strict=True) if place == target]
            if target == "runtime" and not here:
                blobs.append(runtime[0])
            else:
                blobs.append(workshop.pack(layer(workshop, target, here, **changes)))
        return blobs

    return built


def links(tree):
    folder = tree / LINKS
    return {path.name: str(path.readlink()) for path in folder.iterdir()} if folder.exists() else {}


def run_path(path):
    found = read_shared_object(path, Platform.LINUX_X86_64)
    return found.run_path, found.inherited


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_a_module_finds_what_it_is_linked_with(
    stack, workshop, binaries, places, unpack, run_there
):
    blobs = stack(wheels_of(workshop, binaries), places)
    for depth in DEPTHS:
        finished = run_there(unpack(blobs, depth) / APPLICATION / "bin/python", "-c", ANSWER)
        assert (finished.stdout, finished.stderr) == ("42\n", ""), depth


def test_a_library_that_the_user_names_goes_first(
    stack, workshop, binaries, unpack, run_there, tmp_path_factory
):
    """As with upstream's wrapper, which appends to LD_LIBRARY_PATH."""
    blobs = stack(wheels_of(workshop, binaries), PLACES["two frameworks"])
    folder = unpack(blobs, "here")
    preferred = unpack([], "preferred")
    subprocess.run(["chmod", "u+w", preferred], check=True)
    (preferred / "libouter.so.2").write_bytes(binaries["other"])
    python = folder / APPLICATION / "bin/python"
    finished = run_there("env", f"LD_LIBRARY_PATH={preferred}", python, "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_what_is_loaded_by_name_needs_the_folders_that_the_layer_tells(
    stack, workshop, binaries, unpack, run_there
):
    folder = unpack(stack(wheels_of(workshop, binaries), PLACES["two frameworks"]), "here")
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


def test_links_are_relative_and_run_paths_name_what_lies_below(workshop, binaries):
    inner, outer, linked = wheels_of(workshop, binaries)
    base = layer(workshop, BASE, [inner, outer])
    assert links(base) == {
        "libinner.so.1": f"../../../{SITE_PACKAGES}/inner/lib/libinner.so.1",
        "libouter.so.2": f"../../../{SITE_PACKAGES}/outer_files/libouter.so.2",
    }
    # Once for the file's own place and once for that of the link, by which others load it.
    assert run_path(base / SITE_PACKAGES / "outer_files/libouter.so.2") == (
        (f"$ORIGIN/../../../../{LINKS}", "$ORIGIN"),
        False,
    )
    application = layer(workshop, APPLICATION, [linked])
    assert links(application) == {}
    below = (HIGH, BASE, "runtime")
    assert run_path(application / SITE_PACKAGES / MODULE_NAME) == (
        tuple(f"$ORIGIN/../../../../{target}/{LINKS}" for target in below),
        False,
    )


def test_a_run_path_keeps_its_kind_and_what_it_has(workshop, binaries):
    application = layer(workshop, APPLICATION, wheels_of(workshop, binaries, module="old kind"))
    assert run_path(application / SITE_PACKAGES / MODULE_NAME) == (
        ("$ORIGIN/own", f"$ORIGIN/../../../{LINKS}"),
        True,
    )


def test_a_symbol_that_shares_its_text_with_the_old_run_path_stays(
    workshop, compiled, binaries, runtime, unpack, run_there
):
    """A linker stores `outer` as the end of `$ORIGIN/outer`; patchelf writes over what it drops."""
    library = workshop.folder / "libouter.so.2"
    library.write_bytes(binaries["other"])
    headers = f"-I{runtime[1]}/include/python3.13"
    module = compiled(MODULE, "shared.so", headers, library, "-s", "-Wl,-rpath,$ORIGIN/outer")
    content = module.read_bytes()
    assert content.count(b"outer\0") == content.count(b"$ORIGIN/outer\0")
    linked = workshop.wheel("linked", {MODULE_NAME: content})
    outer = workshop.wheel("outer", {"outer_files/libouter.so.2": binaries["other"]})
    tree = layer(workshop, APPLICATION, [linked, outer])
    assert run_path(tree / SITE_PACKAGES / MODULE_NAME) == (
        ("$ORIGIN/outer", f"$ORIGIN/../../../{LINKS}"),
        False,
    )
    folder = unpack([runtime[0], workshop.pack(tree)], "here")
    finished = run_there(folder / APPLICATION / "bin/python", "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_files_that_find_all_they_need_stay_as_they_are(workshop, binaries):
    files = {
        MODULE_NAME: binaries["own path"],
        "own/libouter.so.2": binaries["outer"],
        "own/libinner.so.1": binaries["inner"],
    }
    tree = layer(workshop, BASE, [workshop.wheel("complete", files)])
    # The library whose own neighbour is not in any run path of its own is the only one.
    changed = [name for name in files if (tree / SITE_PACKAGES / name).read_bytes() != files[name]]
    assert changed == ["own/libouter.so.2"]


def test_records_have_the_hashes_of_what_is_there(workshop, binaries):
    tree = layer(workshop, APPLICATION, wheels_of(workshop, binaries))
    packages = tree / SITE_PACKAGES
    rows = 0
    for record in packages.glob("*.dist-info/RECORD"):
        with record.open(newline="") as stream:
            for name, told, size in csv.reader(stream):
                if told:
                    content = (packages / name).read_bytes()
                    value = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                    assert (told, size) == (
                        f"sha256={value.decode().rstrip('=')}",
                        str(len(content)),
                    ), name
                    rows += 1
    assert rows > 10
    assert (packages / MODULE_NAME).read_bytes() != binaries["module"]


def test_the_same_bytes_come_out_each_time(workshop, binaries):
    wheels = wheels_of(workshop, binaries)
    before = os.umask(0o077)
    try:
        digests = {
            Digest.of_file(workshop.pack(layer(workshop, APPLICATION, wheels))) for _ in range(3)
        }
    finally:
        os.umask(before)
    assert len(digests) == 1


def test_only_what_is_a_library_of_the_platform_is_offered(workshop, binaries):
    foreign = bytearray(binaries["inner"])
    foreign[18] = 183  # e_machine: EM_AARCH64
    names = {
        "linked.cpython-312-x86_64-linux-gnu.so": binaries["module"],
        "linked.abi3.so": binaries["module"],
        "a.b.cpython-313-x86_64-linux-gnu.so": binaries["module"],
        "linked.so": binaries["bare"],
        "plugin.so": binaries["inner"],
        "linked.so.1": binaries["module"],
        "libtext.so": "INPUT(-lother)\n",
        "libempty.so": "",
        "libforeign.so": bytes(foreign),
        "libz.so.1": binaries["inner"],
        "libinner.so.1.2.3": binaries["inner"],
        "libinner.so.debug": binaries["inner"],
        "libinner.dylib": binaries["inner"],
        "parcel.libs/libinner-0123abcd.so.1": binaries["inner"],
        "parcel.libs/libplain.so.1": binaries["inner"],
    }
    wheel = workshop.wheel("parcel", {f"parcel/{name}": names[name] for name in names})
    data = workshop.wheel("data", {"data-1.0.data/data/lib/libdata.so.1": binaries["inner"]})
    tree = layer(workshop, BASE, [wheel, data])
    assert links(tree) == {
        "libdata.so.1": "../../../lib/libdata.so.1",
        **{
            name.rpartition("/")[2]: f"../../../{SITE_PACKAGES}/parcel/{name}"
            for name in (
                *("plugin.so", "linked.so.1", "libinner.so.1.2.3"),
                "parcel.libs/libplain.so.1",
            )
        },
    }


def test_libraries_of_another_architecture_are_linked_on_this_one(workshop, binaries):
    """A stand-in: an aarch64 file has the same layout and another number in its header."""

    def foreign(content):
        return content[:18] + b"\xb7\0" + content[20:]

    content = {name: foreign(binaries[name]) for name in ("inner", "outer", "module")}
    tree = layer(
        workshop, APPLICATION, wheels_of(workshop, content), platform=Platform.LINUX_AARCH64
    )
    assert sorted(links(tree)) == ["libinner.so.1", "libouter.so.2"]
    found = read_shared_object(tree / SITE_PACKAGES / MODULE_NAME, Platform.LINUX_AARCH64)
    assert found.run_path == (f"$ORIGIN/../../../{LINKS}",)


def test_libraries_of_macos_are_linked_and_left_alone(workshop):
    files = {
        "parcel/lib/libone.dylib": b"\xcf\xfa\xed\xfe one",
        "parcel/lib/libtwo.1.dylib": b"\xcf\xfa\xed\xfe two",
        "parcel/plugin.so": b"\xcf\xfa\xed\xfe _PyInit_other\0",
        "parcel/_C.so": b"\xcf\xfa\xed\xfe \0_PyInit__C\0",
        "parcel/_D.cpython-313-darwin.so": b"\xcf\xfa\xed\xfe",
        "parcel/_E.abi3.so": b"\xcf\xfa\xed\xfe",
        "parcel/empty.so": b"",
    }
    wheel = workshop.wheel("parcel", files)
    tree = layer(workshop, BASE, [wheel], platform=Platform.MACOSX_ARM64)
    assert sorted(links(tree)) == ["empty.so", "libone.dylib", "libtwo.1.dylib", "plugin.so"]
    for name, content in files.items():
        assert (tree / SITE_PACKAGES / name).read_bytes() == content


def test_excluded_libraries_are_not_found_by_other_layers(
    stack, workshop, binaries, unpack, run_there
):
    wheels = wheels_of(workshop, binaries)
    excluded = ("inner/**/libinner.*",)
    blobs = stack(wheels, PLACES["two frameworks"], dynlib_exclude=excluded)
    finished = run_there(unpack(blobs, "here") / APPLICATION / "bin/python", "-c", ANSWER)
    assert finished.stderr.endswith(
        "ImportError: libinner.so.1: cannot open shared object file: No such file or directory\n"
    )


def test_excluded_libraries_are_still_found_by_their_own_layer(
    stack, workshop, binaries, unpack, run_there
):
    wheels = wheels_of(workshop, binaries)
    blobs = stack(wheels, PLACES["one framework"], dynlib_exclude=("libinner*",))
    folder = unpack(blobs, "here")
    assert sorted(links(folder / BASE)) == ["libouter.so.2"]
    finished = run_there(folder / APPLICATION / "bin/python", "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("42\n", "")


def test_names_that_clash_are_told_at_once_with_what_to_write(workshop, binaries):
    files = {
        "left/lib/libouter.so.2": binaries["outer"],
        "right/lib/libouter.so.2": binaries["other"],
        "right/lib/old/lib/libouter.so.2": binaries["inner"],
        "left/[x]/libinner.so": binaries["inner"],
        "far/left/[x]/libinner.so": binaries["outer"],
        "left/libsame.so": binaries["inner"],
        "right/libsame.so": binaries["inner"],
    }
    wheel = workshop.wheel("parcel", files)
    with pytest.raises(BuildError) as caught:
        layer(workshop, BASE, [wheel])
    there = f"{SITE_PACKAGES}/"
    assert str(caught.value) == (
        "Shared libraries with the same name differ, so it is open which one other layers find.\n"
        "  where: layer framework-base\n"
        f"  found: libinner.so: {there}far/left/[x]/libinner.so, {there}left/[x]/libinner.so\n"
        f"    libouter.so.2: {there}left/lib/libouter.so.2, {there}right/lib/libouter.so.2, "
        f"{there}right/lib/old/lib/libouter.so.2\n"
        "  expected: each name once\n"
        "  hint: exclude all but one of each name in the layer's table, for example with "
        'dynlib_exclude = ["site-packages/left/[[]x]/libinner.so", "right/lib/libouter.so.2", '
        '"old/lib/libouter.so.2"]'
    )


def test_what_a_clash_tells_to_write_resolves_it(workshop, binaries):
    files = {
        "left/lib/libouter.so.2": binaries["outer"],
        "right/lib/libouter.so.2": binaries["other"],
    }
    wheel = workshop.wheel("parcel", files)
    with pytest.raises(BuildError) as caught:
        layer(workshop, BASE, [wheel])
    told = json.loads(caught.value.hint.partition(" = ")[2])
    tree = layer(workshop, BASE, [wheel], dynlib_exclude=tuple(told))
    assert links(tree) == {
        "libouter.so.2": f"../../../{SITE_PACKAGES}/left/lib/libouter.so.2",
    }


def test_a_layer_whose_name_cannot_stand_in_a_run_path(workshop, binaries):
    linked = wheels_of(workshop, binaries)[2]
    request = workshop.request(
        "app-x",
        kind=LayerKind.APPLICATION,
        wheels=(linked,),
        lower_targets=("framework-a:b", "runtime"),
        bytecode=False,
    )
    with pytest.raises(BuildError) as caught:
        workshop.assemble(request)
    assert str(caught.value) == (
        "A run path cannot name a folder that a shared object needs.\n"
        f"  where: layer app-x, {SITE_PACKAGES}/{MODULE_NAME}\n"
        f"  found: $ORIGIN/../../../../framework-a:b/{LINKS}\n"
        "  expected: names without ':' and '$'\n"
        "  hint: give the layer another name"
    )


def test_a_file_that_patchelf_cannot_change_is_told_of(workshop, binaries):
    content = bytearray(binaries["module"])
    content[40:48] = (1 << 40).to_bytes(8, "little")  # e_shoff: the sections lie nowhere
    wheel = workshop.wheel("linked", {MODULE_NAME: bytes(content)})
    with pytest.raises(BuildError) as caught:
        layer(workshop, APPLICATION, [wheel])
    message = str(caught.value)
    assert message.startswith(
        "A shared object's run path cannot be changed.\n"
        f"  where: {MODULE_NAME}\n"
        "  found: patchelf: "
    )
    assert message.endswith(
        "\n  hint: a wheel that the lock chose is broken; lock another version of it"
    )


def test_no_link_leads_out_of_the_layer(workshop, binaries):
    tree = layer(workshop, APPLICATION, wheels_of(workshop, binaries))
    for link in (tree / LINKS).iterdir():
        assert not Path(link.readlink()).is_absolute()
        assert link.resolve().is_relative_to(tree)
