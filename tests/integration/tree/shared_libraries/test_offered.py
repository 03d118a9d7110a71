"""Which libraries a layer offers to those above it, and what is said where names clash."""

import json
from pathlib import Path

import pytest

from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.tree.elf import read_shared_object

SITE_PACKAGES = "lib/python3.13/site-packages"
LINKS = "share/venv/dynlib"
BASE, APPLICATION = "framework-base", "app-demo"
MODULE_NAME = "linked.cpython-313-x86_64-linux-gnu.so"


def test_only_what_is_a_library_of_the_platform_is_offered(layer, links, workshop, binaries):
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
    tree = layer(BASE, [wheel, data])
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


def test_libraries_of_another_architecture_are_linked_on_this_one(
    layer, wheels_of, links, binaries
):
    """A stand-in: an aarch64 file has the same layout and another number in its header."""

    def foreign(content):
        return content[:18] + b"\xb7\0" + content[20:]

    content = {name: foreign(binaries[name]) for name in ("inner", "outer", "module")}
    tree = layer(APPLICATION, wheels_of(content), platform=Platform.LINUX_AARCH64)
    assert sorted(links(tree)) == ["libinner.so.1", "libouter.so.2"]
    found = read_shared_object(tree / SITE_PACKAGES / MODULE_NAME, Platform.LINUX_AARCH64)
    assert found.run_path == (f"$ORIGIN/../../../{LINKS}",)


def test_libraries_of_macos_are_linked_and_left_alone(layer, links, workshop):
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
    tree = layer(BASE, [wheel], platform=Platform.MACOSX_ARM64)
    assert sorted(links(tree)) == ["empty.so", "libone.dylib", "libtwo.1.dylib", "plugin.so"]
    for name, content in files.items():
        assert (tree / SITE_PACKAGES / name).read_bytes() == content


def test_names_that_clash_are_told_at_once_with_what_to_write(layer, workshop, binaries):
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
        layer(BASE, [wheel])
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


def test_what_a_clash_tells_to_write_resolves_it(layer, links, workshop, binaries):
    files = {
        "left/lib/libouter.so.2": binaries["outer"],
        "right/lib/libouter.so.2": binaries["other"],
    }
    wheel = workshop.wheel("parcel", files)
    with pytest.raises(BuildError) as caught:
        layer(BASE, [wheel])
    told = json.loads(caught.value.hint.partition(" = ")[2])
    tree = layer(BASE, [wheel], dynlib_exclude=tuple(told))
    assert links(tree) == {
        "libouter.so.2": f"../../../{SITE_PACKAGES}/left/lib/libouter.so.2",
    }


def test_no_link_leads_out_of_the_layer(layer, wheels_of):
    tree = layer(APPLICATION, wheels_of())
    for link in (tree / LINKS).iterdir():
        assert not Path(link.readlink()).is_absolute()
        assert link.resolve().is_relative_to(tree)
