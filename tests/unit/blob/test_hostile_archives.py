from __future__ import annotations

import tarfile

import pytest
import zstandard

from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.unpack import unpack_blob
from ocistacks.errors import UnsafeContentError


def unsafe_name(name: str, fault: str) -> str:
    return f"An archive holds an unsafe name: {fault}.\n  found: {name!r}"


def unsafe_link(name: str, target: str, fault: str) -> str:
    return (
        f"A symbolic link in an archive leaves its place: {fault}.\n"
        f"  where: {name}\n  found: {target}\n"
        "  expected: a relative path to this layer or one beside it, .. only at its start"
    )


BESIDE = "An archive holds something beside its one top folder.\n  found: "
LATER = "A hard link in an archive does not point to a file before it in the archive."
CUT_SHORT = "An archive is cut short.\n  hint: fetch the blob again, it may be incomplete"
HOSTILE = {
    "absolute name": (
        lambda t: t.archive(t.APP, t.member("/app/x")),
        unsafe_name("/app/x", "the name is absolute"),
    ),
    "dot dot name": (
        lambda t: t.archive(t.APP, t.member("app/../x")),
        unsafe_name("app/../x", "the name holds a .. component"),
    ),
    "dot name": (
        lambda t: t.archive(t.folder("./app")),
        unsafe_name("./app", "the name holds an empty or . component"),
    ),
    "empty name": (
        lambda t: t.archive(t.APP, t.member("")),
        unsafe_name("", "the name holds an empty or . component"),
    ),
    "dot dot in a pax path": (
        lambda t: t.archive(t.APP, t.member("app/" + "y" * 120 + "/../../../x")),
        unsafe_name("app/" + "y" * 120 + "/../../../x", "the name holds a .. component"),
    ),
    "name that is not UTF-8": (
        lambda t: t.archive(t.APP, t.member("app/\udcff"), tar_format=tarfile.GNU_FORMAT),
        "A name in an archive is not UTF-8.\n  found: 'app/\\\\xff'",
    ),
    "absolute link": (
        lambda t: t.archive(t.APP, t.link("app/l", "/etc")),
        unsafe_link("app/l", "/etc", "the target is absolute"),
    ),
    "link above": (
        lambda t: t.archive(t.APP, t.link("app/l", "../../etc")),
        unsafe_link("app/l", "../../etc", "the target lies above the folder that holds the layers"),
    ),
    "link that goes up behind a link": (
        lambda t: t.archive(
            t.APP, t.folder("app/a"), t.link("app/a/up", ".."), t.link("app/l", "a/up/../../x")
        ),
        unsafe_link(
            "app/l",
            "a/up/../../x",
            "the target holds a .. component behind another component",
        ),
    ),
    "write through a link": (
        lambda t: t.archive(t.APP, t.link("app/l", "../other"), t.member("app/l/x", b"12345")),
        (
            "An archive writes below a name that is no folder.\n"
            "  where: app/l/x\n  found: app/l is a file or link of the same archive"
        ),
    ),
    "folder through a link": (
        lambda t: t.archive(t.APP, t.link("app/l", "../other"), t.folder("app/l/x/y")),
        (
            "An archive writes below a name that is no folder.\n"
            "  where: app/l/x/y\n  found: app/l is a file or link of the same archive"
        ),
    ),
    "top folder that is a link": (
        lambda t: t.archive(t.link("app", "."), t.member("app/x")),
        BESIDE + "'app'",
    ),
    "file beside the top folder": (lambda t: t.archive(t.APP, t.member("x")), BESIDE + "'x'"),
    "hard link to the outside": (
        lambda t: t.archive(t.APP, t.link("app/l", "/etc/passwd", tarfile.LNKTYPE)),
        f"{LATER}\n  where: app/l\n  found: /etc/passwd",
    ),
    "hard link upwards": (
        lambda t: t.archive(
            t.APP, t.member("app/x"), t.link("app/l", "app/../app/x", tarfile.LNKTYPE)
        ),
        f"{LATER}\n  where: app/l\n  found: app/../app/x",
    ),
    "hard link to a symbolic link": (
        lambda t: t.archive(t.APP, t.link("app/s", "x"), t.link("app/l", "app/s", tarfile.LNKTYPE)),
        f"{LATER}\n  where: app/l\n  found: app/s",
    ),
    "hard link to a later file": (
        lambda t: t.archive(t.APP, t.link("app/l", "app/x", tarfile.LNKTYPE), t.member("app/x")),
        f"{LATER}\n  where: app/l\n  found: app/x",
    ),
    "character device": (
        lambda t: t.archive(t.APP, t.member("app/d", type=tarfile.CHRTYPE)),
        "An archive holds a character device.\n  where: app/d",
    ),
    "block device": (
        lambda t: t.archive(t.APP, t.member("app/d", type=tarfile.BLKTYPE)),
        "An archive holds a block device.\n  where: app/d",
    ),
    "fifo": (
        lambda t: t.archive(t.APP, t.member("app/d", type=tarfile.FIFOTYPE)),
        "An archive holds a FIFO.\n  where: app/d",
    ),
    "unknown type": (
        lambda t: t.patched(156, b"V"),
        "An archive holds an entry of type 'V'.\n  where: app/x",
    ),
    "sparse file": (
        lambda t: t.archive(t.APP, t.member("app/x", pax_headers={"GNU.sparse.major": "1"})),
        "An archive holds a sparse file.\n  found: GNU.sparse.major",
    ),
    "set-user-id file": (
        lambda t: t.archive(t.APP, t.member("app/x", mode=0o4755)),
        (
            "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
            "  where: app/x\n  found: mode 4755"
        ),
    ),
    "set-group-id folder": (
        lambda t: t.archive(t.folder("app", mode=0o2755)),
        (
            "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
            "  where: app/\n  found: mode 2755"
        ),
    ),
    "sticky folder": (
        lambda t: t.archive(t.folder("app", mode=0o1777)),
        (
            "An entry of an archive has a set-user-id, set-group-id or sticky bit.\n"
            "  where: app/\n  found: mode 1777"
        ),
    ),
    "file twice": (
        lambda t: t.archive(t.APP, t.member("app/x"), t.member("app/x")),
        "An archive holds a name twice.\n  found: 'app/x'",
    ),
    "folder twice": (
        lambda t: t.archive(t.APP, t.APP),
        "An archive holds a name twice.\n  found: 'app'",
    ),
    "file in a folder's place": (
        lambda t: t.archive(t.member("app/x/y"), t.member("app/x")),
        "An archive holds a name twice.\n  found: 'app/x'",
    ),
    "two top folders": (
        lambda t: t.archive(t.APP, t.folder("other")),
        "An archive holds more than one top folder.\n  found: 'other' beside 'app'",
    ),
    "second top folder without an entry": (
        lambda t: t.archive(t.APP, t.member("other/x")),
        "An archive holds more than one top folder.\n  found: 'other' beside 'app'",
    ),
    "nothing": (lambda t: t.archive(), "An archive is empty.\n  expected: one top folder"),
    "cut in a header": (lambda t: t.archive(t.APP, t.member("app/x", b"12345"))[:700], CUT_SHORT),
    "cut in content": (
        lambda t: t.archive(t.APP, t.member("app/x", bytes(5000)))[:3000],
        CUT_SHORT,
    ),
    "no end": (lambda t: t.archive(t.APP)[:512], CUT_SHORT),
    "more behind the end": (
        lambda t: t.archive(t.APP) + t.archive(t.APP),
        "An archive goes on behind its end.",
    ),
    "damaged header": (
        lambda t: t.patched(0, b"appx", valid=False),
        (
            "A header in an archive is damaged.\n  where: 'appxx'\n"
            "  hint: fetch the blob again, or make it again if that does not help"
        ),
    ),
    "damaged number": (
        lambda t: t.patched(124, b"0000000000-\0"),
        "A number in an archive's header is damaged.\n  found: '0000000000-'",
    ),
    "folder with content": (
        lambda t: t.patched(156, b"5"),
        "An entry of an archive that is no file has content.\n  where: app/x\n  found: 5 bytes",
    ),
    "names for all entries": (
        lambda t: t.archive(t.APP, pax_headers={"path": "app/x"}),
        "An archive has a header for all its entries that names or resizes them.\n  found: path",
    ),
    "size that is no number": (
        lambda t: t.archive(t.APP, t.member("app/x", pax_headers={"size": "5e3"})),
        "A size in an archive is no number.\n  found: 5e3",
    ),
    "endless extension": (
        lambda t: t.patched(124, b"77777777777\0" + b"0" * 12 + b" " * 8 + b"x"),
        (
            "A header in an archive is too long.\n"
            "  found: 8589934591 bytes\n  expected: at most 65536 bytes"
        ),
    ),
    "damaged pax header": (
        lambda t: t.patched(156, b"x") + bytes(512),
        "A pax header in an archive is damaged.",
    ),
    "header that belongs to nothing": (
        lambda t: t.archive(t.APP, t.member("app/" + "y" * 200))[: 512 + 1024] + bytes(1024),
        "An archive ends behind a header that belongs to another one.",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(destination, archives, case):
    make, message = HOSTILE[case]
    with pytest.raises(UnsafeContentError) as caught:
        unpack_blob(
            [zstandard.compress(make(archives))],
            destination,
            media_type=MEDIA_TYPE_TAR_ZSTD,
            maximum_size=1 << 20,
        )
    assert str(caught.value) == message
    assert [path.name for path in destination.parent.iterdir()] == ["destination"]
    assert list(destination.iterdir()) == []
