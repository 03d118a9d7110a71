"""Several processes at one store, and what one that is killed leaves behind."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import TargetError
from ocistacks.store.store import Store

CONTENT = bytes(range(256)) * 8192
DIGEST = Digest(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
PROCESSES = multiprocessing.get_context("fork")
NOBODY = 65534


def write(root, start, results):
    start.wait(20)
    pieces = (CONTENT[offset : offset + 4096] for offset in range(0, len(CONTENT), 4096))
    path = Store(root).add_blob(DIGEST, pieces, what="a test's blob")
    results.put(Digest.of_file(path))


def write_for_ever(root):
    def pieces():
        while True:
            yield CONTENT
            time.sleep(0.01)

    Store(root).add_blob(DIGEST, pieces(), what="a test's blob")


def count(root, path, times):
    for _ in range(times):
        with Store(root).exclusively("counter"):
            number = int(path.read_text())
            time.sleep(0.001)
            path.write_text(str(number + 1))


def hold(root, entered):
    with Store(root).exclusively("held"):
        entered.set()
        time.sleep(60)


def test_writers_of_one_blob_do_not_disturb_each_other(tmp_path):
    start, results = PROCESSES.Event(), PROCESSES.Queue()
    writers = [PROCESSES.Process(target=write, args=(tmp_path, start, results)) for _ in range(4)]
    for writer in writers:
        writer.start()
    start.set()

    assert [results.get(timeout=20) for _ in writers] == [DIGEST] * 4

    for writer in writers:
        writer.join(20)
    store = Store(tmp_path)
    assert store.blob_path(DIGEST).read_bytes() == CONTENT
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_killed_writer_leaves_no_blob_and_the_next_one_succeeds(tmp_path):
    store = Store(tmp_path)
    writer = PROCESSES.Process(target=write_for_ever, args=(tmp_path,))
    writer.start()
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size for path in (tmp_path / "temporary").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(20)

    assert list((tmp_path / "blobs/sha256").iterdir()) == []
    assert not store.has_blob(DIGEST)
    store.add_blob(DIGEST, [CONTENT], what="a test's blob")
    assert store.has_blob(DIGEST)


def test_one_process_at_a_time_passes(tmp_path):
    path = tmp_path / "number"
    path.write_text("0")
    counters = [PROCESSES.Process(target=count, args=(tmp_path, path, 20)) for _ in range(3)]
    for counter in counters:
        counter.start()
    for counter in counters:
        counter.join(60)

    assert path.read_text() == "60"


def test_a_killed_process_lets_go(tmp_path):
    entered = PROCESSES.Event()
    holder = PROCESSES.Process(target=hold, args=(tmp_path, entered))
    holder.start()
    assert entered.wait(20)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(20)

    with Store(tmp_path).exclusively("held"):
        pass


@pytest.fixture
def read_only(tmp_path):
    """A store that this process may read and not write, root or not."""
    root = tmp_path / "store"
    Store(root)
    tmp_path.chmod(0o755)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2:
            parent.chmod(parent.stat().st_mode | 0o011)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    yield root
    os.seteuid(before)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def refused(path):
    return (
        "A file cannot be written.\n"
        f"  where: {path}\n"
        "  found: Permission denied\n"
        "  hint: choose another folder, or make room and check the folder's owner and mode"
    )


def test_a_store_that_cannot_be_written_says_so(read_only):
    store = Store(read_only)

    with pytest.raises(TargetError) as blob:
        store.add_blob(DIGEST, [CONTENT], what="a test's blob")
    with pytest.raises(TargetError) as lock, store.exclusively("name"):
        pass
    with pytest.raises(TargetError) as folder, store.temporary_folder():
        pass
    with pytest.raises(TargetError) as opened:
        Store(read_only / "inner")

    assert str(blob.value) == refused(read_only)
    assert str(lock.value) == refused(read_only / "locks/name")
    assert str(folder.value) == refused(read_only)
    assert str(opened.value) == refused(read_only / "inner")
