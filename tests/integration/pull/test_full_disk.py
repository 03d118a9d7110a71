"""A full disk: a message, a store that is sound, and a run that succeeds when there is room."""

import subprocess

import pytest

from ocistacks.errors import TargetError
from ocistacks.progress import SilentReporter
from ocistacks.store.audit import audit_store
from ocistacks.store.store import Store


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 16 MB; the layers have 11."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("is_new_version", [False, True], ids=["stream", "single files"])
def test_a_full_disk(tree, pack, push, pull, small_disk, contents, is_new_version):
    store = Store(small_disk / "store")
    if is_new_version:
        (tree / "large").rename(tree.parent / "large")
        pull(push(pack(tree)), into=store)
        (tree.parent / "large").rename(tree / "large")
    layer = push(pack(tree))
    hog = small_disk / "hog"
    hog.write_bytes(bytes(9_000_000))

    with pytest.raises(TargetError) as error:
        pull(layer, into=store)

    assert "No space left on device" in str(error.value)
    assert not store.tree_path(layer.descriptor.digest).exists()
    assert not list((store.root / "temporary").iterdir())
    assert audit_store(store, jobs=2, reporter=SilentReporter()).faults == ()

    hog.unlink()
    pulled = pull(layer, into=store)
    assert contents(pulled.path) == contents(tree)
    assert audit_store(store, jobs=2, reporter=SilentReporter()).faults == ()


def test_a_disk_that_has_no_room_for_the_deployment(
    tree, pack, push, pull, small_disk, tmp_path, contents
):
    """The folder is on another file system than the store, so that files are copied."""
    from ocistacks.deploy.deployment import write_deployment

    store = Store(tmp_path / "roomy")
    layer = push(pack(tree))
    pulled = pull(layer, into=store)
    target = small_disk / "target"
    (small_disk / "hog").write_bytes(bytes(9_000_000))
    wanted = {"framework-x": (layer.descriptor.digest, pulled.path)}

    with pytest.raises(TargetError):
        write_deployment(target, wanted)

    assert [path for path in target.iterdir() if not path.name.startswith(".")] == []
    (small_disk / "hog").unlink()
    write_deployment(target, wanted)
    assert contents(target / "framework-x") == contents(tree)
