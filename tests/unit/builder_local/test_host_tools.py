"""What is said where this machine has neither a toolchain nor apt to make one."""

import pytest

from ocistacks.builder import host_tools
from ocistacks.builder.local_toolchain import toolchain_root
from ocistacks.errors import EngineError
from ocistacks.store.store import Store

HINT = (
    "install them, use --builder docker or podman, name an archive in "
    "[tool.ocistacks.python_sources], or set UV_PYTHON_INSTALL_MIRROR to where prebuilt ones are"
)
NO_APT = "there is no apt, which could fetch a toolchain, on this machine"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that puts a shell script on the only path of programs there is."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(host_tools, "SYSTEM_PATH", str(folder))

    def add(name, script="exit 0"):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return add


def test_where_all_is_missing_all_is_named(programs, tmp_path):
    with pytest.raises(EngineError) as caught:
        toolchain_root(Store(tmp_path / "store"), within=True, say=print)
    assert str(caught.value) == (
        "Python cannot be compiled by the local builder: what its recipe needs is missing.\n"
        "  found: no gcc, no ldd, no make, no patchelf, no pkg-config, no strip, no <bzlib.h>, "
        "no <curses.h>, no <ffi.h>, no <lzma.h>, no <openssl/ssl.h>, no <readline/readline.h>, "
        f"no <sqlite3.h>, no <uuid/uuid.h>, no <zlib.h>; and {NO_APT}\n"
        "  expected: a C compiler with the tools and headers that CPython is built with\n"
        f"  hint: {HINT}"
    )


def test_only_what_is_missing_is_named(programs, tmp_path):
    for tool in ("ldd", "make", "pkg-config", "strip"):
        programs(tool)
    programs("gcc", "echo; echo '\"ffi.h\"'")
    with pytest.raises(EngineError) as caught:
        toolchain_root(Store(tmp_path / "store"), within=True, say=print)
    assert caught.value.found == f"no patchelf, no <ffi.h>; and {NO_APT}"


def test_a_compiler_that_fails_finds_no_header(programs):
    programs("gcc", "exit 1")
    assert host_tools.missing_headers() == host_tools.REQUIRED_HEADERS


@pytest.mark.parametrize(
    ("within", "reason"), [(True, NO_APT), (False, "nothing is isolated on this machine")]
)
def test_complete_tools_of_the_machine_are_used_and_that_is_said(
    programs, tmp_path, within, reason
):
    for tool in ("gcc", "ldd", "make", "patchelf", "pkg-config", "strip"):
        programs(tool)
    said = []
    assert toolchain_root(Store(tmp_path / "store"), within=within, say=said.append) is None
    assert said == [f"Compiling with this machine's own tools: {reason}."]
