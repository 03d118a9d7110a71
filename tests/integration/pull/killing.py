"""Kill a process at random moments of its work; started with a folder, a registry and a number.

Everything is imported before children are forked, so that their time is the work's. Prints a JSON
object: what was found after each kill, and after the run that followed it.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ocistacks.blob.pack import pack_tree
from ocistacks.deploy.garbage import collect_garbage
from ocistacks.deploy.pull import pull_stack
from ocistacks.digests import Digest
from ocistacks.oci.assemble import layer_artifact, stack_index
from ocistacks.oci.assembled_source import AssembledSource
from ocistacks.oci.description import Layer, LayerDescription
from ocistacks.oci.graph import read_graph
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.registry.repository import Repository
from ocistacks.store.audit import audit_store
from ocistacks.store.store import Store
from ocistacks.store.usage import shared

HERE = Platform.LINUX_X86_64
REPORTER = SilentReporter()


def make_layout(folder, *, changed):
    """Write an image layout with a stack of three layers; ``changed`` makes files of its own."""
    store = Store(folder / f"made-{changed}")
    layers = []
    for kind, target in (("runtime", "python"), ("framework", "below"), ("application", "app")):
        tree = folder / f"tree-{changed}-{target}"
        (tree / "package").mkdir(parents=True)
        source = random.Random(target)
        for number in range(90):
            (tree / "package" / f"{number}.py").write_bytes(source.randbytes(2000))
        (tree / "library.so").write_bytes(source.randbytes(900_000))
        (tree / "changed").write_bytes(os.urandom(400_000))
        with store.new_blob() as temporary:
            with temporary.open("wb") as stream:
                blob = pack_tree(tree, target, stream)
            store.adopt(temporary, blob.digest)
        description = LayerDescription(
            name=target,
            kind=kind,
            install_target=target,
            lock_hash=Digest.of_bytes(b"lock"),
            input_digest=Digest.of_bytes(os.urandom(8)),
            lock_version=1,
            requires=(),
            platform=HERE,
            archive_name=f"{target}.tar.zst",
            launch_module="app" if kind == "application" else None,
        )
        layers.append(Layer(description=description, blob=blob))
    artifacts = tuple(layer_artifact(layer.description, layer.blob) for layer in layers)
    index = stack_index([each.descriptor for each in artifacts])
    source = AssembledSource(artifacts, (index,), store=store)
    layout = ImageLayout.create(folder / f"layout-{changed}")
    copy_objects(source, layout, index.descriptor, tag="latest", reporter=REPORTER)
    return layout


def pull(layout, store, folder):
    with shared(store.usage_path()):
        pull_stack(
            layout,
            "latest",
            folder,
            applications=(),
            platform=HERE,
            where="here",
            store=store,
            reporter=REPORTER,
        )


def push(layout, host, repository):
    with Repository(host, repository, environment={}) as sink:
        copy_objects(layout, sink, layout.resolve("latest"), tag="latest", reporter=REPORTER)


def collect(store):
    collect_garbage(store, older_than=0.0, dry_run=False, reporter=REPORTER)


def killed(work, *, after):
    """Run ``work`` in a child that is killed after so many seconds; True if it was not done."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - a child never returns
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _pid, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return False
    return True


def faults(store):
    return [str(fault) for fault in audit_store(store, jobs=2, reporter=REPORTER).faults]


def same(folder, other):
    """Whether two folders hold the same layers."""
    contents = [
        {
            str(path.relative_to(each)): path.read_bytes() if path.is_file() else None
            for path in each.rglob("*")
            if not path.name.startswith(".ocistacks")
        }
        for each in (folder, other)
    ]
    return contents[0] == contents[1]


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def kill_pulls(root, layouts, count):
    """Pull into stores that are empty, and into those that have the other version."""
    whole, changed = Store(root / "whole"), Store(root / "changed")
    pull(layouts[0], changed, root / "old")
    durations = (
        timed(lambda: pull(layouts[1], whole, root / "expected")),
        timed(lambda: pull(layouts[1], changed, root / "again")),
    )
    kills = 0
    for turn in range(count):
        folder = root / f"pull-{turn}"
        store = Store(folder / "store")
        if turn % 2:
            pull(layouts[0], store, folder / "old")
        kills += killed(
            lambda store=store, folder=folder: pull(layouts[1], store, folder / "target"),
            after=random.uniform(0, durations[turn % 2]),
        )
        assert not faults(store)
        pull(layouts[1], store, folder / "target")
        assert not faults(store)
        assert same(folder / "target", root / "expected")
        collect(store)
        assert not list((store.root / "temporary").iterdir())
        shutil.rmtree(folder)
    return kills


def kill_pushes(host, layout, count):
    duration = timed(lambda: push(layout, host, f"kill-{os.getpid()}"))
    kills = 0
    for turn in range(count):
        name = f"kill-{os.getpid()}-{turn}"
        kills += killed(
            lambda name=name: push(layout, host, name), after=random.uniform(0, duration)
        )
        with Repository(host, name, environment={}) as repository:
            # A tag that is there names what is all there.
            if (found := repository.find("latest")) is not None:
                require_whole(repository, found)
            push(layout, host, name)
            require_whole(repository, repository.resolve("latest"))
    return kills


def require_whole(repository, root):
    with ThreadPoolExecutor(4) as executor:
        graph = read_graph(repository, root, executor)
    assert all(repository.has_blob(blob.digest) for blob in graph.blobs)


def kill_collections(root, layouts, count):
    def prepared(folder):
        """A store with two versions, of which one is to go."""
        store = Store(folder / "store")
        pull(layouts[1], store, folder / "kept")
        pull(layouts[0], store, folder / "gone")
        shutil.rmtree(folder / "gone")
        return store

    stores = [prepared(root / f"rehearsal-{number}") for number in range(3)]
    duration = min(timed(lambda store=store: collect(store)) for store in stores)
    kills = 0
    for turn in range(count):
        folder = root / f"collect-{turn}"
        store = prepared(folder)
        kills += killed(lambda store=store: collect(store), after=random.uniform(0, duration))
        assert not faults(store)
        assert same(folder / "kept", root / "expected")
        collect(store)
        assert not faults(store)
        assert len(list((store.root / "trees").iterdir())) == 3
        pull(layouts[0], store, folder / "again")
        assert not faults(store)
        shutil.rmtree(folder)
    return kills


def main():
    root, host, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    layouts = [make_layout(root, changed=number) for number in range(2)]
    pulls = kill_pulls(root, layouts, count)
    pushes = kill_pushes(host, layouts[0], count)
    collections = kill_collections(root, layouts, count)
    json.dump({"pulls": pulls, "pushes": pushes, "collections": collections}, sys.stdout)


if __name__ == "__main__":
    main()
