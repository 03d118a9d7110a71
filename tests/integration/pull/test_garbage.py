"""Cleaning up a store that was really pulled into."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocistacks.deploy.deployment import write_deployment
from ocistacks.deploy.garbage import collect_garbage
from ocistacks.digests import Digest
from ocistacks.progress import SilentReporter
from ocistacks.store.audit import audit_store
from ocistacks.store.targets import record_target
from ocistacks.store.usage import shared


@pytest.fixture
def collect(store):
    def run(older_than=0.0, *, dry_run=False):
        return collect_garbage(
            store, older_than=older_than, dry_run=dry_run, reporter=SilentReporter()
        )

    return run


@pytest.fixture
def deploy(store, tmp_path):
    """Make a folder that holds a layer, as `pull` does."""

    def deployed(layer, tree, name="deployment"):
        folder = tmp_path / name
        write_deployment(folder, {tree.path.name: (layer.descriptor.digest, tree.path)})
        record_target(store, folder, [layer.descriptor.digest])
        return folder

    return deployed


@pytest.fixture
def ocistacks(store):
    """Run the command on the store."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "ocistacks", *map(str, arguments)],
            env={**os.environ, "OCISTACKS_STORE": str(store.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def contents_in(store):
    return [path for path in (store.root / "files").rglob("*") if path.is_file()]


def reasons(garbage):
    return {each.reason for each in garbage}


def test_layers_of_a_deployment_stay(tree, pack, push, pull, deploy, collect, store):
    layer = push(pack(tree))
    pulled = pull(layer)
    deploy(layer, pulled)
    files = contents_in(store)

    assert collect() == ()

    assert store.tree_path(layer.descriptor.digest).is_dir()
    assert contents_in(store) == files


def test_a_toolchain_that_was_not_used_goes(collect, store):
    old, recent = (store.toolchain_path(Digest.of_bytes(name)) for name in (b"old", b"recent"))
    for root in (old, recent):
        (root / "usr").mkdir(parents=True)
        (root / "usr" / "cc").write_bytes(b"compiler")
    week = 7 * 86_400
    os.utime(old, (time.time() - 2 * week, time.time() - 2 * week))
    assert [(found.path.name, found.size) for found in collect(week)] == [(old.name, 8)]
    assert list((store.root / "toolchains").iterdir()) == [recent]


def test_what_nothing_uses_goes(tree, pack, push, pull, deploy, collect, store):
    used = push(pack(tree))
    deploy(used, pull(used))
    before = set(contents_in(store))
    (tree / "alpha" / "library.so").write_bytes(os.urandom(400_000))
    unused = push(pack(tree))
    pull(unused)
    (store.root / "temporary" / "left").write_bytes(b"x" * 100)

    planned = collect(dry_run=True)
    assert store.tree_path(unused.descriptor.digest).is_dir()
    garbage = collect()

    assert [(each.path, each.reason) for each in planned] == [
        (each.path, each.reason) for each in garbage
    ]
    assert sum(each.size for each in planned) == sum(each.size for each in garbage) == 400_100
    assert not store.tree_path(unused.descriptor.digest).exists()
    assert store.tree_path(used.descriptor.digest).is_dir()
    assert set(contents_in(store)) == before
    assert not list((store.root / "temporary").iterdir())


def test_what_was_used_lately_stays(tree, pack, push, pull, collect, store):
    layer = push(pack(tree))
    pull(layer)

    assert collect(older_than=3600.0) == ()
    os.utime(store.tree_path(layer.descriptor.digest), (0, 0))
    pull(layer)  # uses it
    assert collect(older_than=3600.0) == ()
    os.utime(store.tree_path(layer.descriptor.digest), (0, 0))
    assert reasons(collect(older_than=3600.0)) == {"a layer that was not used"}


def test_a_deployment_lives_on_when_its_layers_go(
    tree, pack, push, pull, deploy, collect, store, contents
):
    layer = push(pack(tree))
    folder = deploy(layer, pull(layer))
    (store.root / "targets").joinpath(next((store.root / "targets").iterdir()).name).unlink()

    collect()

    assert not store.tree_path(layer.descriptor.digest).exists()
    assert contents(folder / "framework-x") == contents(tree)
    # Contents that the folder has anyway take no place: the next pull is spared them.
    assert pull(layer).fetched < 20_000


def test_a_folder_that_is_gone_is_forgotten(tree, pack, push, pull, deploy, collect, store):
    layer = push(pack(tree))
    folder = deploy(layer, pull(layer))
    folder.rename(folder.with_name("moved"))

    assert "the record of a folder that is gone" in reasons(collect())
    assert not list((store.root / "targets").iterdir())
    assert not store.tree_path(layer.descriptor.digest).exists()


def test_a_running_application_is_left_alone(store, collect):
    """Its process holds the deployment's lock, through exec and until it ends."""
    identity = "a" * 64
    deployment = store.root / "deployments" / identity
    deployment.mkdir()
    os.utime(deployment, (0, 0))
    script = (
        "import os, sys; from pathlib import Path; from ocistacks.store.usage import "
        "share_for_life; share_for_life(Path(sys.argv[1])); "
        "os.execv('/bin/sh', ['sh', '-c', 'echo started; read line'])"
    )
    command = [sys.executable, "-c", script, str(store.root / "locks" / f"in-use-{identity}")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        assert collect() == ()
        process.communicate("end\n")

    assert reasons(collect()) == {"a deployment that was not used"}
    assert not deployment.exists()


def test_cleaning_waits_for_other_commands(store, ocistacks):
    with shared(store.usage_path()):
        process = subprocess.Popen(
            [sys.executable, "-m", "ocistacks", "store", "gc"],
            env={**os.environ, "OCISTACKS_STORE": str(store.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr.readline() == "waiting for other commands that use the store\n"
        time.sleep(0.3)
        assert process.poll() is None
    output, _messages = process.communicate(timeout=20)

    assert output == f"{store.root}: 0 bytes freed\n"


def test_the_commands(tree, pack, push, pull, deploy, store, ocistacks):
    layer = push(pack(tree))
    pulled = pull(layer)
    folder = deploy(layer, pulled)

    listed = ocistacks("store", "ls")
    assert listed.stdout.splitlines()[1].split()[0] == "framework-x"
    assert listed.stdout.splitlines()[1].endswith(str(folder))
    document = json.loads(ocistacks("store", "ls", "--json").stdout)
    assert document["trees"][0]["folders"] == [str(folder)]
    assert document["kinds"]["files"]["count"] == len(contents_in(store))
    assert document["kinds"]["trees"]["size"] < 1000  # links: their own targets' names alone
    total = sum(path.stat().st_size for path in contents_in(store))
    assert document["kinds"]["files"]["size"] == total

    digest = layer.descriptor.digest
    assert ocistacks("store", "path").stdout == f"{store.root}\n"
    assert ocistacks("store", "path", digest).stdout == f"{store.tree_path(digest)}\n"
    missing = ocistacks("store", "path", "sha256:" + "0" * 64)
    assert missing.returncode == 6
    assert missing.stderr.startswith("error: The store does not have this blob")

    sound = ocistacks("store", "verify")
    assert sound.returncode == 0, sound.stderr
    assert sound.stdout.startswith(f"{store.root}: 0 blobs, {len(contents_in(store))} files")


def test_damage_is_found_and_taken_out(tree, pack, push, pull, store, ocistacks, contents):
    layer = push(pack(tree))
    pulled = pull(layer)
    library = pulled.path / "alpha" / "library.so"
    library.chmod(0o644)
    with library.open("r+b") as stream:
        stream.write(b"flipped")
    library.chmod(0o444)

    found = ocistacks("store", "verify")
    assert found.returncode == 8
    assert "error: The store holds what is not what its name says." in found.stderr
    assert "found: 1 faults in" in found.stderr

    repaired = ocistacks("store", "verify", "--repair")
    assert repaired.returncode == 0
    assert "1 damaged ones removed" in repaired.stdout
    assert ocistacks("store", "verify").returncode == 0
    assert not store.tree_path(layer.descriptor.digest).exists()
    again = pull(layer)
    assert contents(again.path) == contents(tree)
    assert 400_000 < again.fetched < 500_000


@pytest.mark.parametrize("what", ["blob", "name", "mode"])
def test_other_faults(tree, pack, push, pull, store, what):
    layer = push(pack(tree))
    pulled = pull(layer)
    if what == "blob":
        store.blob_path(layer.descriptor.digest).write_bytes(b"not it")
    elif what == "name":
        (store.root / "files" / "00").mkdir(exist_ok=True)
        (store.root / "files" / "00" / "stranger").touch()
    else:
        (pulled.path / "alpha" / "__init__.py").chmod(0o644)

    audit = audit_store(store, jobs=2, reporter=SilentReporter())

    expected = {
        "blob": Path("blobs/sha256") / layer.descriptor.digest.hex,
        "name": Path("files/00/stranger"),
        "mode": Path("trees") / layer.descriptor.digest.hex,
    }
    assert [fault.path for fault in audit.faults] == [expected[what]]


def test_a_store_that_is_read_only_serves_what_it_has(tree, pack, push, pull, store, tmp_path):
    """As a volume that a pod mounts read-only; root is not stopped by modes, but by a mount."""
    layer = push(pack(tree))
    pull(layer)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    script = (
        f'mount --bind {store.root} {mounted} && mount -o remount,bind,ro {mounted} && exec "$@"'
    )
    program = (
        "import sys; from pathlib import Path; from ocistacks.store.store import Store; "
        "from ocistacks.store.usage import shared; from ocistacks.digests import Digest; "
        "from ocistacks.deploy.deployment import write_deployment; "
        "store = Store(Path(sys.argv[1])); digest = Digest(sys.argv[2]); "
        "usage = shared(store.usage_path()); usage.__enter__(); "
        "tree = store.tree_path(digest) / 'framework-x'; "
        "write_deployment(Path(sys.argv[3]), {'framework-x': (digest, tree)})"
    )
    target = tmp_path / "target"
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", program]
    command += [str(mounted), layer.descriptor.digest, str(target)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (target / "framework-x" / "alpha" / "library.so").read_bytes() == (
        tree / "alpha" / "library.so"
    ).read_bytes()
