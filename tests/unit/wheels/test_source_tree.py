"""Unpacking sdists; a hostile one leaves nothing behind."""

import io
import tarfile

import pytest

from ocistacks.errors import BuildError, UnsafeContentError
from ocistacks.wheels import source_tree
from ocistacks.wheels.source_tree import unpack_sdist


@pytest.fixture
def sdist(tmp_path):
    """A function that writes an sdist of the named files."""

    def sdist(*names, content=b"x"):
        path = tmp_path / "material"
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                header = tarfile.TarInfo(name)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
        return path

    return sdist


def test_the_one_folder_is_returned(sdist, tmp_path):
    target = tmp_path / "source"
    folder = unpack_sdist(sdist("demo-1/setup.py", "demo-1/src/demo.py"), "demo.tar.gz", target)
    assert folder == target / "demo-1"
    assert sorted(path.name for path in folder.rglob("*")) == ["demo.py", "setup.py", "src"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["demo-1/a", "../out"], "the name '../out'"),
        (["demo-1/a", "demo-1/../../out"], "the name 'demo-1/../../out'"),
        (["/demo-1/a"], "the name '/demo-1/a'"),
        (["demo-1/a", "demo-2/a"], "the top folders demo-1, demo-2"),
        ([], "the top folders (none)"),
    ],
)
def test_what_no_sdist_holds_is_refused(sdist, tmp_path, names, found):
    with pytest.raises(UnsafeContentError) as caught:
        unpack_sdist(sdist(*names), "demo-1.tar.gz", tmp_path / "source")
    assert str(caught.value) == (
        "An sdist holds what no sdist holds.\n"
        "  where: demo-1.tar.gz\n"
        f"  found: {found}\n"
        "  expected: one folder with everything in it"
    )
    assert not (tmp_path / "source").exists()


def test_a_bomb_is_refused(sdist, tmp_path, monkeypatch):
    monkeypatch.setattr(source_tree, "LARGEST_UNPACKED_BYTES", 1000)
    bomb = sdist("demo-1/a", "demo-1/b", content=b"0" * 600)
    with pytest.raises(UnsafeContentError) as caught:
        unpack_sdist(bomb, "demo-1.tar.gz", tmp_path / "source")
    assert caught.value.found == "more than 1000 bytes or 1 files"
    assert not (tmp_path / "source").exists()


def test_what_is_no_tar_is_an_error(tmp_path):
    (tmp_path / "material").write_bytes(b"PK\x03\x04 a zip file, or not even that")
    with pytest.raises(BuildError) as caught:
        unpack_sdist(tmp_path / "material", "demo-1.zip", tmp_path / "source")
    assert str(caught.value) == (
        "An sdist cannot be unpacked.\n"
        "  where: demo-1.zip\n"
        f"  found: {caught.value.found}\n"
        "  expected: a .tar.gz file (PEP 625)\n"
        "  hint: take a version of the package whose sdist is one"
    )
