"""The contents of files, each once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocistacks.store.sharing import Sharer
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
    sharer = Sharer(str(files.root), str(files.temporary))
    digest, is_new = sharer.take_in(str(path), executable=executable)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    return is_new


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


@pytest.mark.parametrize("size", [1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20])
def test_files_of_any_size_are_digested(files: FileStore, written: Path, size: int) -> None:
    written.chmod(0o644)
    written.write_bytes(b"x" * size)
    assert share(files, written)


def test_an_empty_file_is_not_shared(files: FileStore, written: Path) -> None:
    written.chmod(0o644)
    written.write_bytes(b"")
    assert not share(files, written)
    assert files.is_empty()


def test_a_link_is_not_followed(files: FileStore, written: Path) -> None:
    link = written.with_name("link")
    link.symlink_to(written)
    with pytest.raises(OSError, match="symbolic links"):
        share(files, link)


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
