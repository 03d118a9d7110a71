"""What is read of shared objects, held to what readelf tells, and to files that are damaged."""

import re
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocistacks.platforms import Platform
from ocistacks.tree.elf import SharedObject, read_shared_object

PLATFORM = Platform.LINUX_X86_64


@pytest.fixture(scope="module")
def sample(compiled):
    library = compiled("int f(void) { return 1; }\n", "libf.so.1", "-Wl,-soname,libf.so.1")
    source = "int f(void);\nint PyInit_sample(void) { return f(); }\n"
    return compiled(source, "sample.so", library, "-Wl,-rpath,$ORIGIN/a:$ORIGIN:/b")


def test_what_the_linker_wrote_is_read(sample):
    assert read_shared_object(sample, PLATFORM) == SharedObject(
        needed=("libf.so.1",),
        run_path=("$ORIGIN/a", "$ORIGIN", "/b"),
        inherited=False,
        is_module=True,
    )


def test_every_shared_object_of_a_runtime_is_read_as_readelf_reads_it(runtime):
    paths = [path for path in runtime[1].rglob("*.so*") if path.is_file() and not path.is_symlink()]
    assert len(paths) > 50
    for path in paths:
        told = subprocess.run(
            ["readelf", "--dynamic", "--wide", path], capture_output=True, text=True, check=True
        ).stdout
        found = read_shared_object(path, PLATFORM)
        assert found.needed == tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", told)), path
        folders = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", told)
        assert found.run_path == tuple(":".join(folders).split(":") if folders else ()), path
        assert found.inherited == ("(RPATH)" in told), path


def test_a_module_is_known_by_its_own_name_alone(sample, tmp_path):
    other = tmp_path / "other.so"
    other.write_bytes(sample.read_bytes())
    assert not read_shared_object(other, PLATFORM).is_module


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"#!/bin/sh"),
        (4, b"\x01"),  # 32 bits
        (5, b"\x02"),  # big-endian
        (16, b"\x02\0"),  # ET_EXEC
        (18, b"\xb7\0"),  # EM_AARCH64
        (32, b"\xff" * 8),  # e_phoff
        (54, b"\x01\0"),  # e_phentsize
        (56, b"\0\0"),  # e_phnum
    ],
)
def test_what_the_loader_would_not_take_is_none(sample, tmp_path, place, value):
    content = bytearray(sample.read_bytes())
    content[place : place + len(value)] = value
    damaged = tmp_path / "sample.so"
    damaged.write_bytes(content)
    assert read_shared_object(damaged, PLATFORM) is None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_is_more_than_a_file_that_is_none(sample, tmp_path, data):
    """Wherever numbers are changed, and wherever the file ends."""
    content = bytearray(sample.read_bytes())
    [tags] = [
        int.from_bytes(content[header + 8 : header + 16], "little")
        for header in range(64, 64 + 56 * content[56], 56)
        if content[header] == 2  # PT_DYNAMIC
    ]
    places = st.one_of(st.integers(0, 64 + 56 * content[56]), st.integers(tags, tags + 30 * 16))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    damaged = tmp_path / "sample.so"
    damaged.write_bytes(content[:end])
    found = read_shared_object(damaged, PLATFORM)
    assert found is None or isinstance(found, SharedObject)
