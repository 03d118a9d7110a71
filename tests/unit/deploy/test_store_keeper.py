"""Sharing files with the store, here or in a process beside."""

import hashlib
import os
import signal
from pathlib import Path

import pytest

from ocistacks.deploy.store_keeper import StoreKeeper
from ocistacks.errors import TargetError
from ocistacks.store.store import Store

# Below and above what a process is started for.
COUNTS = [3, 1000]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def write(store):
    """A function that writes a read-only file in the store's temporary folder."""

    def write(name, content, *, executable=False):
        path = store.root / "temporary" / name
        path.write_bytes(content)
        path.chmod(0o555 if executable else 0o444)
        return path

    return write


def processes():
    """The processes that this one started and that still run."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def hexadecimal(content):
    return hashlib.sha256(content).hexdigest()


def add(keeper, path):
    keeper.add(
        os.fspath(path), size=path.stat().st_size, executable=bool(path.stat().st_mode & 0o100)
    )


@pytest.mark.parametrize("count", COUNTS)
def test_every_file_is_shared(store, write, count):
    contents = [b"%d" % (number % 900) for number in range(count)]
    paths = [write(f"{n}", text, executable=n % 7 == 0) for n, text in enumerate(contents)]
    before = processes()
    with StoreKeeper(store.files) as keeper:
        for path in paths:
            add(keeper, path)
        assert len(processes()) - len(before) == (count == max(COUNTS))
        assert keeper.finish() == [hexadecimal(text) for text in contents]
    assert processes() == before
    for path, text in zip(paths, contents, strict=True):
        executable = os.access(path, os.X_OK) and path.stat().st_mode & 0o100
        stored = store.files.path(hexadecimal(text), executable=bool(executable))
        assert path.samefile(stored)
        assert path.read_bytes() == text


def test_a_large_file_starts_a_process_too(store, write):
    before = processes()
    with StoreKeeper(store.files) as keeper:
        add(keeper, write("large", bytes(5 << 20)))
        assert len(processes()) == len(before) + 1
        assert keeper.finish() == [hexadecimal(bytes(5 << 20))]


def test_names_may_be_strange(store, write):
    names = ["a b", "a\nb", "x-", "-x", "\udcff", *(f"n{number}" for number in range(100))]
    with StoreKeeper(store.files) as keeper:
        for name in names:
            add(keeper, write(name, name.encode(errors="surrogateescape")))
        digests = keeper.finish()
    assert digests == [hexadecimal(name.encode(errors="surrogateescape")) for name in names]


@pytest.mark.parametrize("count", COUNTS)
def test_only_what_was_new_is_taken_back(store, write, count):
    with StoreKeeper(store.files) as keeper:
        add(keeper, write("old", b"1"))
        keeper.finish()
    paths = [write(f"{number}", b"%d" % number) for number in range(count)]
    with StoreKeeper(store.files) as keeper:
        for path in paths:
            add(keeper, path)
        keeper.finish()
    for path in paths:
        path.unlink()
    keeper.take_back()
    contents = {path.name for path in store.files.root.glob("??/*")}
    assert contents == {hexadecimal(b"1")}


@pytest.mark.parametrize("count", COUNTS)
def test_what_cannot_be_written_is_told(store, write, count):
    refused = hexadecimal(b"1")
    (store.files.root / refused[:2]).write_bytes(b"a file where the store wants a folder")
    before = processes()
    with StoreKeeper(store.files) as keeper, pytest.raises(TargetError) as caught:
        for number in range(count):
            add(keeper, write(f"{number}", b"%d" % number))
        keeper.finish()
    assert processes() == before
    assert caught.value.what == "An entry of a layer cannot be written."
    assert caught.value.where == f"{store.root}/temporary/1"
    assert caught.value.found == os.strerror(20)
    # What was shared before the failure can be taken back.
    (store.root / "temporary" / "0").unlink()
    keeper.take_back()
    assert list(store.files.root.glob("??/*")) == []


def test_a_process_that_is_killed_is_told(store, write):
    before = processes()
    with StoreKeeper(store.files) as keeper, pytest.raises(TargetError) as caught:
        for number in range(1000):
            add(keeper, write(f"{number}", b"%d" % number))
            for pid in set(processes()) - set(before):
                os.kill(pid, signal.SIGKILL)
        keeper.finish()
    assert processes() == before
    assert caught.value.what == "The process that digests the files of a layer failed."
    assert caught.value.found == "it ended with -9"


def test_an_interpreter_that_is_not_there_is_told(store, write, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with StoreKeeper(store.files) as keeper, pytest.raises(TargetError) as caught:
        for number in range(100):
            add(keeper, write(f"{number}", b"%d" % number))
    assert caught.value.found == "/nowhere/python: No such file or directory"


def test_leaving_early_ends_the_process(store, write):
    before = processes()
    with pytest.raises(ZeroDivisionError), StoreKeeper(store.files) as keeper:
        for number in range(100):
            add(keeper, write(f"{number}", b"%d" % number))
        raise ZeroDivisionError
    assert processes() == before
    for number in range(100):
        (store.root / "temporary" / f"{number}").unlink()
    keeper.take_back()
    assert list(store.files.root.glob("??/*")) == []
