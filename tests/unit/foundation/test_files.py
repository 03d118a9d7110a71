"""Files that appear whole or not at all."""

import errno

import pytest

from ocistacks.errors import TargetError
from ocistacks.files import atomic_file, write_text_atomically


def test_a_file_appears_on_a_clean_exit_alone(tmp_path):
    path = tmp_path / "new/folder/file"
    with atomic_file(path) as stream:
        stream.write(b"half")
        assert not path.exists()
        stream.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def fail(path, error):
    with atomic_file(path) as stream:
        stream.write(b"half")
        raise error


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyError):
        fail(path, KeyError("x"))
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_told(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(TargetError) as caught:
        fail(path, OSError(errno.ENOSPC, "No space left on device"))
    assert str(caught.value) == (
        "A file cannot be written.\n"
        f"  where: {path}\n"
        "  found: No space left on device\n"
        "  hint: choose another folder, or make room and check the folder's owner and mode"
    )
    assert [one.name for one in tmp_path.iterdir()] == []


def test_a_connection_that_fails_is_no_fault_of_the_disk(tmp_path):
    with pytest.raises(ConnectionError, match="reset"):
        fail(tmp_path / "file", ConnectionError("reset"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file/inner"
    with pytest.raises(TargetError) as caught, atomic_file(path):
        pass
    assert str(caught.value).splitlines()[:2] == [
        "A file cannot be written.",
        f"  where: {path}",
    ]


def test_the_same_text_is_not_written_again(tmp_path):
    path = tmp_path / "file"
    write_text_atomically(path, "text é\n")
    before = path.stat()
    write_text_atomically(path, "text é\n")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    write_text_atomically(path, "other\n")
    assert path.read_bytes() == b"other\n"
