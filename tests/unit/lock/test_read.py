"""Locks and their metadata, read back from disk."""

import json

import pytest

from ocistacks.errors import LockError
from ocistacks.lock.document import to_summary, to_toml
from ocistacks.lock.metadata import LockMetadata, read_metadata
from ocistacks.lock.parse import parse_pylock
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import read_lock, read_locks, read_pylock
from ocistacks.platforms import Platform

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[frameworks]]
name = "f"
runtime = "py"
requirements = []
"""
DIGEST = "sha256:" + "0" * 64
METADATA = {
    "requirements_hash": DIGEST,
    "lock_input_hash": DIGEST,
    "other_inputs_hash": DIGEST,
    "version_inputs_hash": DIGEST,
    "lock_version": 3,
    "locked_at": "2025-10-20T12:34:56.123456+00:00",
}
PACKAGES = """
[[packages]]
name = "own"
version = "1.0"
marker = "os_name == 'nt'"
[[packages.wheels]]
name = "own-1.0-py3-none-any.whl"
url = "https://example.org/own"
upload-time = 2025-01-01T00:00:00Z
size = 5
hashes = {sha256 = "aa"}
[[packages]]
name = "own"
version = "2.0"
marker = "(os_name == 'posix') and sys_platform == 'from_lower_layer'"
[[packages]]
name = "another"
version = "1.0"
marker = "sys_platform == 'from_lower_layer'"
"""
PIN = {"version": "3.13.5", "sha256": "0" * 64, "size": 7, "origin": "here"}


def refusal(function, *arguments):
    with pytest.raises(LockError) as caught:
        function(*arguments)
    return str(caught.value)


def test_what_was_written_is_read_back_the_same(pylock):
    lock = pylock(PACKAGES)
    text = to_toml(lock, "py")
    assert parse_pylock(text) == lock
    assert to_toml(parse_pylock(text), "py") == text
    assert [str(package.version) for package in lock.packages] == ["1.0", "2.0", "1.0"]


def test_the_summary_lists_own_packages_and_shared_ones(pylock):
    assert to_summary(pylock(PACKAGES), "py") == (
        "# Package summary for py (DO NOT EDIT)\n"
        "# Lock the stack again to change it.\n"
        "own==1.0 ; os_name == 'nt'\n"
        "\n"
        "# Shared packages inherited from other layers\n"
        "another==1.0\n"
        "own==2.0 ; os_name == 'posix'\n"
    )


def test_the_metadata_holds_the_python_of_each_platform(tmp_path):
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({**METADATA, "ocistacks": {"python": {"linux_x86_64": PIN}}}))

    metadata = read_metadata(path)

    assert metadata.pins == {Platform.LINUX_X86_64: PythonPin(**PIN)}
    assert json.loads(metadata.to_json())["ocistacks"] == {"python": {"linux_x86_64": PIN}}


def test_another_tools_metadata_is_written_as_it_was_read(tmp_path):
    path = tmp_path / "meta.json"
    path.write_text(json.dumps(METADATA))

    metadata = read_metadata(path)

    assert metadata.pins == {}
    assert json.loads(metadata.to_json()) == METADATA


def test_a_prerelease_of_python_can_be_pinned():
    assert PythonPin(version="3.15.0rc1", sha256="0" * 64, size=7, origin="here").url is None


def test_a_broken_pin_is_told(tmp_path):
    path = tmp_path / "meta.json"
    broken = {"python": {"linux_x86_64": {**PIN, "size": 0}}}
    path.write_text(json.dumps({**METADATA, "ocistacks": broken}))
    assert refusal(read_metadata, path) == (
        "The metadata of a lock cannot be read.\n"
        f"  where: {path}\n"
        "  found: ocistacks.python.linux_x86_64.size: Input should be greater than 0\n"
        "  hint: lock the layer again: ocistacks lock SPEC"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"lock-version = ", "Invalid value (at end of document)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'created-by = "uv"', "Missing required value in 'lock-version'"),
        (
            (
                b'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "x"\n'
                b"marker = \"sys_platform == 'from_lower_layer'\"\n"
            ),
            "a shared package's entry is wrong: 'version'",
        ),
    ],
)
def test_a_broken_lock_is_told(tmp_path, content, found):
    path = tmp_path / "pylock.x.toml"
    path.write_bytes(content)
    assert refusal(read_pylock, path) == (
        "A lock cannot be read.\n"
        f"  where: {path}\n"
        f"  found: {found}\n"
        "  expected: a pylock.toml 1.0 document\n"
        "  hint: restore the file, or delete it and lock the layer again: ocistacks lock SPEC"
    )


def test_metadata_are_written_as_upstream_writes_them(tmp_path):
    text = LockMetadata.model_validate(METADATA).to_json()
    assert text == json.dumps(METADATA, indent=2, sort_keys=True) + "\n"
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({**METADATA, "key_of_another_version": 1}))
    assert read_metadata(path) == LockMetadata.model_validate(METADATA)
    assert read_metadata(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"lock_version": 0}, "lock_version: Input should be greater than or equal to 1"),
        (
            {"locked_at": "2025-10-20T12:34:56"},
            "locked_at: Value error, a time without an offset from UTC",
        ),
        (
            {"locked_at": "today"},
            "locked_at: Value error, Invalid isoformat string: 'today'",
        ),
    ],
)
def test_broken_metadata_are_told(tmp_path, change, found):
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({**METADATA, **change}))
    assert refusal(read_metadata, path) == (
        "The metadata of a lock cannot be read.\n"
        f"  where: {path}\n"
        f"  found: {found}\n"
        "  hint: lock the layer again: ocistacks lock SPEC"
    )


def test_layers_that_were_never_locked_are_all_named(parse, tmp_path):
    stack = parse(STACK, folder=tmp_path)
    assert refusal(read_locks, stack) == (
        "Layers must be locked before they are built.\n"
        f"  where: {tmp_path}/venvstacks.toml\n"
        "  found: py: it was never locked; framework-f: it was never locked\n"
        "  expected: a valid lock of every layer\n"
        "  hint: ocistacks lock venvstacks.toml"
    )
    assert refusal(read_lock, stack, stack.layers[1]) == (
        "Layer framework-f is not locked.\n"
        f"  where: {tmp_path}/requirements/framework-f/pylock.framework-f.toml\n"
        "  hint: ocistacks lock venvstacks.toml"
    )


def test_file_names_are_upstreams(tmp_path):
    paths = LockPaths.of_layer(tmp_path, "app-x.y@z")
    assert [
        path.relative_to(tmp_path).as_posix()
        for path in (paths.pylock, paths.metadata, paths.declared, paths.summary)
    ] == [
        "requirements/app-x.y@z/pylock.app-x_y@z.toml",
        "requirements/app-x.y@z/pylock.app-x_y@z.meta.json",
        "requirements/app-x.y@z/requirements-app-x_y@z.in",
        "requirements/app-x.y@z/packages-app-x.y@z.txt",
    ]
