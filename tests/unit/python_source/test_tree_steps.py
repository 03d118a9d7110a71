"""Pruning, and what is decided about shared libraries."""

from pathlib import Path

from ocistacks.builder.python_source.libraries import (
    Linkage,
    elf_files,
    parse_ldd,
    run_path,
)
from ocistacks.builder.python_source.pruning import prune

KEPT = (
    "bin/python3.13",
    "bin/python3.13-config",
    "lib/pkgconfig/python-3.13.pc",
    "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile",
    "lib/python3.13/json/tool.py",
    "lib/python3.13/testing.py",
    "lib/python3.13/tkinter/__init__.py",
    "lib/python3.13/unittest/case.py",
)
DROPPED = (
    "bin/2to3-3.13",
    "bin/idle3.13",
    "bin/pip3",
    "bin/pydoc3",
    "lib/libpython3.13.a",
    "lib/pkgconfig/python-3.13-embed.pc",
    "lib/python3.13/__pycache__/os.cpython-313.pyc",
    "lib/python3.13/config-3.13-x86_64-linux-gnu/libpython3.13.a",
    "lib/python3.13/config-3.13-x86_64-linux-gnu/python-config.py",
    "lib/python3.13/config-3.13-x86_64-linux-gnu/python.o",
    "lib/python3.13/ctypes/test/test_x.py",
    "lib/python3.13/idlelib/idle_test/__pycache__/x.pyc",
    "lib/python3.13/json/__pycache__/tool.cpython-313.pyc",
    "lib/python3.13/lib2to3/tests/data/x.py",
    "lib/python3.13/test/__pycache__/x.pyc",
    "lib/python3.13/test/test_os.py",
)
WITH_TK = ("lib/python3.13/idlelib/run.py", "lib/python3.13/turtledemo/clock.py")


def tree_of(root, *groups):
    for name in (name for group in groups for name in group):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (root / "bin" / "idle3").symlink_to("idle3.13")
    return root


def files_of(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())


def test_pruning_without_tk(tmp_path):
    tree = tree_of(tmp_path, KEPT, DROPPED, WITH_TK)
    prune(tree, "3.13")
    assert files_of(tree) == sorted(KEPT)


def test_pruning_with_tk_keeps_what_uses_it(tmp_path):
    module = "lib/python3.13/lib-dynload/_tkinter.cpython-313-x86_64-linux-gnu.so"
    tree = tree_of(tmp_path, KEPT, DROPPED, WITH_TK, [module])
    prune(tree, "3.13")
    assert files_of(tree) == sorted([*KEPT, *WITH_TK, module])


SEVERAL = """\
/t/lib/_ssl.so:
\tlinux-vdso.so.1 (0x00007ffd0b5f2000)
\tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007f1)
\tlibcrypto.so.3 => /lib/x86_64-linux-gnu/libcrypto.so.3 (0x00007f2)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f4)
/t/lib/_sqlite3.so:
\tlibsqlite3.so.0 => not found
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)
/t/lib/static:
\tstatically linked
"""


def test_ldd_for_several_files():
    ssl, sqlite, static = Path("/t/lib/_ssl.so"), Path("/t/lib/_sqlite3.so"), Path("/t/lib/static")
    libraries = Path("/lib/x86_64-linux-gnu")
    assert parse_ldd(SEVERAL, [ssl, sqlite, static]) == [
        Linkage(
            file=ssl,
            libraries={
                "libssl.so.3": libraries / "libssl.so.3",
                "libcrypto.so.3": libraries / "libcrypto.so.3",
            },
            missing=(),
        ),
        Linkage(file=sqlite, libraries={}, missing=("libsqlite3.so.0",)),
        Linkage(file=static, libraries={}, missing=()),
    ]


def test_ldd_for_one_file_has_no_heading():
    output = "\tlibz.so.1 => /usr/lib/libz.so.1 (0x1)\n\tlibgcc_s.so.1 => /l/libgcc_s.so.1 (0x2)\n"
    (linkage,) = parse_ldd(output, [Path("/t/zlib.so")])
    assert linkage.libraries == {
        "libz.so.1": Path("/usr/lib/libz.so.1"),
        "libgcc_s.so.1": Path("/l/libgcc_s.so.1"),
    }


def test_run_paths_are_relative_to_the_file():
    folder = Path("/t/lib")
    assert run_path(folder / "libssl.so.3", folder) == "$ORIGIN"
    assert run_path(folder / "python3.13/lib-dynload/_ssl.so", folder) == "$ORIGIN/../.."
    assert run_path(Path("/t/bin/python3.13"), folder) == "$ORIGIN/../lib"


def test_elf_files_are_told_by_their_content(tmp_path):
    (tmp_path / "program").write_bytes(b"\x7fELF rest")
    (tmp_path / "script.so").write_bytes(b"#!/bin/sh")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "link").symlink_to("program")
    assert elf_files(tmp_path) == [tmp_path / "program"]
