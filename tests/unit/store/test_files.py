"""The contents of files, each once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocistacks.store.sharing import StoreKeeper
from ocistacks.store.store import Store

if TYPE_CHECKING:
    from ocistacks.store.files import FileStore

CONTENT = b"shared"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return Store(tmp_path / "store").files


@pytest.fixture
def written(files: FileStore) -> Path:
    path = files.root.parent / "temporary" / "written"
    path.write_bytes(CONTENT)
    path.chmod(0o444)
    return path


def share(files: FileStore, path: Path, *, executable: bool = False) -> bool:
    return files.share(str(path), DIGEST, executable=executable)


def test_a_shared_file_is_the_stored_one(files: FileStore, written: Path) -> None:
    assert files.is_empty()
    assert share(files, written)

    stored = Path(files.path(DIGEST, executable=False))
    assert stored.samefile(written)
    assert not files.is_empty()


def test_a_second_file_with_the_content_becomes_the_first(files: FileStore, written: Path) -> None:
    share(files, written)
    second = written.with_name("second")
    second.write_bytes(CONTENT)
    second.chmod(0o444)

    assert not share(files, second)

    assert second.samefile(written)
    assert sorted(path.name for path in written.parent.iterdir()) == ["second", "written"]


def test_modes_are_apart(files: FileStore, written: Path, tmp_path: Path) -> None:
    share(files, written)

    assert files.has(DIGEST, executable=True)  # copied from the other mode
    target = tmp_path / "target"
    assert files.link(DIGEST, str(target), executable=True)

    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o555
    assert written.stat().st_mode & 0o777 == 0o444


def test_what_is_not_there(files: FileStore, tmp_path: Path) -> None:
    assert not files.has(DIGEST, executable=False)
    assert not files.link(DIGEST, str(tmp_path / "target"), executable=False)
    assert not (tmp_path / "target").exists()


def test_only_what_no_tree_uses_is_discarded(files: FileStore, written: Path) -> None:
    share(files, written)
    stored = files.path(DIGEST, executable=False)

    files.discard([stored, stored + "-gone"])
    assert Path(stored).exists()

    written.unlink()
    files.discard([stored])
    assert not Path(stored).exists()


def test_a_keeper_takes_back_what_only_its_tree_brought(files: FileStore, written: Path) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    share(files, written)
    keeper = StoreKeeper(files)
    paths = {name: written.with_name(name) for name in ("again", "new", "staying")}
    for path, content in zip(paths.values(), (CONTENT, b"new", b"other"), strict=True):
        path.write_bytes(content)
        path.chmod(0o444)
        keeper.keep(str(path), hashlib.sha256(content).hexdigest(), executable=False)
    assert paths["again"].samefile(written)
    paths["again"].unlink()
    paths["new"].unlink()

    keeper.take_back()

    assert {path.name for path in files.root.glob("??/*")} == {DIGEST, other}


def test_a_store_that_cannot_be_written_is_told(files: FileStore, written: Path) -> None:
    (files.root / DIGEST[:2]).write_bytes(b"a file where the store wants a folder")
    with pytest.raises(NotADirectoryError):
        share(files, written)
