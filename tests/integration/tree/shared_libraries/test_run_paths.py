"""What is written into shared objects: run paths where they are needed, and nothing else."""

import base64
import csv
import hashlib
import os

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind
from ocistacks.tree.elf import read_shared_object

SITE_PACKAGES = "lib/python3.13/site-packages"
LINKS = "share/venv/dynlib"
BASE, HIGH, APPLICATION = "framework-base", "framework-high@3", "app-demo"
MODULE_NAME = "linked.cpython-313-x86_64-linux-gnu.so"
ANSWER = "import linked; print(linked.answer())"


def run_path(path):
    found = read_shared_object(path, Platform.LINUX_X86_64)
    return found.run_path, found.inherited


def test_links_are_relative_and_run_paths_name_what_lies_below(layer, wheels_of, links):
    inner, outer, linked = wheels_of()
    base = layer(BASE, [inner, outer])
    assert links(base) == {
        "libinner.so.1": f"../../../{SITE_PACKAGES}/inner/lib/libinner.so.1",
        "libouter.so.2": f"../../../{SITE_PACKAGES}/outer_files/libouter.so.2",
    }
    # Once for the file's own place and once for that of the link, by which others load it.
    assert run_path(base / SITE_PACKAGES / "outer_files/libouter.so.2") == (
        (f"$ORIGIN/../../../../{LINKS}", "$ORIGIN"),
        False,
    )
    application = layer(APPLICATION, [linked])
    assert links(application) == {}
    below = (HIGH, BASE, "runtime")
    assert run_path(application / SITE_PACKAGES / MODULE_NAME) == (
        tuple(f"$ORIGIN/../../../../{target}/{LINKS}" for target in below),
        False,
    )


def test_a_run_path_keeps_its_kind_and_what_it_has(layer, wheels_of):
    application = layer(APPLICATION, wheels_of(module="old kind"))
    assert run_path(application / SITE_PACKAGES / MODULE_NAME) == (
        ("$ORIGIN/own", f"$ORIGIN/../../../{LINKS}"),
        True,
    )


def test_a_symbol_that_shares_its_text_with_the_old_run_path_stays(
    layer, workshop, compiled, module_source, binaries, runtime, unpack, run_there
):
    """A linker stores `outer` as the end of `$ORIGIN/outer`; patchelf writes over what it drops."""
    library = workshop.folder / "libouter.so.2"
    library.write_bytes(binaries["other"])
    headers = f"-I{runtime[1]}/include/python3.13"
    module = compiled(
        module_source, "shared.so", headers, library, "-s", "-Wl,-rpath,$ORIGIN/outer"
    )
    content = module.read_bytes()
    assert content.count(b"outer\0") == content.count(b"$ORIGIN/outer\0")
    linked = workshop.wheel("linked", {MODULE_NAME: content})
    outer = workshop.wheel("outer", {"outer_files/libouter.so.2": binaries["other"]})
    tree = layer(APPLICATION, [linked, outer])
    assert run_path(tree / SITE_PACKAGES / MODULE_NAME) == (
        ("$ORIGIN/outer", f"$ORIGIN/../../../{LINKS}"),
        False,
    )
    folder = unpack([runtime[0], workshop.pack(tree)], "here")
    finished = run_there(folder / APPLICATION / "bin/python", "-c", ANSWER)
    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_files_that_find_all_they_need_stay_as_they_are(layer, workshop, binaries):
    files = {
        MODULE_NAME: binaries["own path"],
        "own/libouter.so.2": binaries["outer"],
        "own/libinner.so.1": binaries["inner"],
    }
    tree = layer(BASE, [workshop.wheel("complete", files)])
    # The library whose own neighbour is not in any run path of its own is the only one.
    changed = [name for name in files if (tree / SITE_PACKAGES / name).read_bytes() != files[name]]
    assert changed == ["own/libouter.so.2"]


def test_records_have_the_hashes_of_what_is_there(layer, wheels_of, binaries):
    tree = layer(APPLICATION, wheels_of())
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


def test_the_same_bytes_come_out_each_time(layer, wheels_of, workshop):
    wheels = wheels_of()
    before = os.umask(0o077)
    try:
        digests = {Digest.of_file(workshop.pack(layer(APPLICATION, wheels))) for _ in range(3)}
    finally:
        os.umask(before)
    assert len(digests) == 1


def test_a_layer_whose_name_cannot_stand_in_a_run_path(wheels_of, workshop):
    linked = wheels_of()[2]
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


def test_a_file_that_patchelf_cannot_change_is_told_of(layer, workshop, binaries):
    content = bytearray(binaries["module"])
    content[40:48] = (1 << 40).to_bytes(8, "little")  # e_shoff: the sections lie nowhere
    wheel = workshop.wheel("linked", {MODULE_NAME: bytes(content)})
    with pytest.raises(BuildError) as caught:
        layer(APPLICATION, [wheel])
    message = str(caught.value)
    assert message.startswith(
        "A shared object's run path cannot be changed.\n"
        f"  where: {MODULE_NAME}\n"
        "  found: patchelf: "
    )
    assert message.endswith(
        "\n  hint: a wheel that the lock chose is broken; lock another version of it"
    )
