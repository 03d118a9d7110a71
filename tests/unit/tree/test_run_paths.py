"""Which folders are added to a run path."""

import pytest

from ocistacks.tree.elf import SharedObject
from ocistacks.tree.run_paths import LINKS_FOLDER, LayerLibraries, is_copy, missing_folders

LAYER = LayerLibraries(
    install_target="app-x",
    lower_targets=("framework-b", "runtime"),
    folders={
        "libone.so.1": frozenset({"lib/sp/one"}),
        "libhidden.so": frozenset({"lib/sp/two/near", "lib/sp/other"}),
        "libcopy-0123abcd.so.1": frozenset({"lib/sp/two.libs"}),
    },
    links={"libone.so.1": "lib/sp/one/libone.so.1", "libtwo.so": "lib/sp/two/libtwo.so"},
)
BELOW = tuple(f"{{}}/{target}/{LINKS_FOLDER}" for target in LAYER.lower_targets)


def needing(*names, run_path=()):
    return SharedObject(needed=names, run_path=run_path, inherited=False, is_module=False)


def below(way):
    return tuple(entry.format(way) for entry in BELOW)


@pytest.mark.parametrize(
    ("needed", "run_path", "added"),
    [
        ((), (), ()),
        (("libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2"), (), ()),
        (("/opt/lib/libone.so.1", "./libone.so.1"), (), ()),
        (("libone.so.1",), (), (f"$ORIGIN/../../../{LINKS_FOLDER}",)),
        (("libone.so.1",), ("$ORIGIN/../one",), ()),
        (("libone.so.1",), ("/opt/lib", "${ORIGIN}/.././one/"), ()),
        (("libone.so.1",), (f"$ORIGIN/../../../{LINKS_FOLDER}",), ()),
        (("libone.so.1",), ("$ORIGINAL/../one",), (f"$ORIGIN/../../../{LINKS_FOLDER}",)),
        (("libhidden.so",), (), ("$ORIGIN/near",)),
        (("libhidden.so",), ("$ORIGIN/near",), ()),
        (("libelse.so.3",), (), below("$ORIGIN/../../../..")),
        (
            ("libelse.so.3", "libone.so.1", "libmore.so"),
            (),
            (f"$ORIGIN/../../../{LINKS_FOLDER}", *below("$ORIGIN/../../../..")),
        ),
        (("libcopy-0123abcd.so.1",), (), ()),
        (
            ("libelse.so.3", "libcopy-0123abcd.so.1"),
            (),
            ("$ORIGIN/../two.libs", *below("$ORIGIN/../../../..")),
        ),
    ],
)
def test_a_file_is_given_what_it_does_not_find(needed, run_path, added):
    assert missing_folders("lib/sp/two/m.so", needing(*needed, run_path=run_path), LAYER) == added


@pytest.mark.parametrize(
    ("needed", "run_path", "added"),
    [
        (("libone.so.1",), ("$ORIGIN/../one",), ("$ORIGIN/../../../lib/sp/one",)),
        (("libone.so.1",), (), (f"$ORIGIN/../../../{LINKS_FOLDER}", "$ORIGIN")),
        (("libone.so.1",), ("$ORIGIN", "$ORIGIN/../one"), ()),
        (("libhidden.so",), ("$ORIGIN/near",), ("$ORIGIN/../../../lib/sp/two/near",)),
        (
            ("libelse.so.3",),
            (),
            (
                f"$ORIGIN/../../../../framework-b/{LINKS_FOLDER}",
                f"$ORIGIN/../../../../runtime/{LINKS_FOLDER}",
            ),
        ),
    ],
)
def test_a_linked_library_finds_its_own_from_the_link_as_well(needed, run_path, added):
    found = missing_folders("lib/sp/two/libtwo.so", needing(*needed, run_path=run_path), LAYER)
    assert found == added


def test_a_runtime_has_nothing_below():
    layer = LayerLibraries(install_target="py", lower_targets=(), folders={}, links={})
    assert missing_folders("lib/m.so", needing("libelse.so.3"), layer) == ()


@pytest.mark.parametrize(
    ("path", "copied"),
    [
        ("lib/numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", True),
        ("lib/torchvision.libs/libjpeg.1c1c4b09.so.8", True),
        ("lib/numpy/libgfortran-040039e1.so.5.0.0", False),
        ("lib/numpy.libs/libgfortran.so.5.0.0", False),
        ("lib/numpy.libs/deeper/libgfortran-040039e1.so.5", False),
    ],
)
def test_what_auditwheel_copied_is_known_by_folder_and_name(path, copied):
    assert is_copy(path) is copied
