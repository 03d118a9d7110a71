"""What a killed run had of a blob, and what the next one makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ocistacks.errors import DigestError, TransferError
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.progress import SilentReporter
from ocistacks.registry.model import Descriptor, Manifest
from ocistacks.registry.repository import Repository
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.store import Store

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
COPY = """
import os, sys
host, name, folder, os.environ["HOME"] = sys.argv[1:]
from ocistacks.cli.main import main
sys.argv[1:] = ["copy", f"{host}/{name}:v1", f"oci:{folder}:v1"]
main()
"""
FETCH = """
import sys
from ocistacks.digests import Digest
from ocistacks.progress import SilentReporter
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.store import Store
from pathlib import Path
url, digest, folder, home = sys.argv[1:]
fetch_materials(
    Store(Path(folder)),
    [Material(name="python", digest=Digest(digest), size=None, url=url)],
    environment={"HOME": home},
    reporter=SilentReporter(),
)
"""

pytestmark = pytest.mark.usefixtures("quick")


def kill_after(script, arguments, partial, size):
    """Run a script, and kill it when its partial file has that size."""
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)])
    deadline = time.monotonic() + 30
    while not partial.exists() or partial.stat().st_size < size:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return partial.stat().st_size


@pytest.fixture
def root(repository, blob):
    """An image in the registry that holds the blob."""
    manifest = Manifest(media_type=MANIFEST_TYPE, config=blob, layers=(blob,)).canonical()
    repository.write_manifest(manifest, MANIFEST_TYPE, "v1")
    return repository.resolve("v1")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "layout"


@pytest.fixture
def copy(proxied, folder, root):
    """A function that copies the image into a layout, through the proxy."""

    def run():
        layout = ImageLayout.create(folder)
        copy_objects(proxied, layout, root, reporter=SilentReporter(), tag="v1")
        return layout

    return run


def test_a_killed_copy_into_a_layout_goes_on(
    proxy, repository_name, root, blob, content, folder, copy, environment
):
    partial = folder / ".partial" / blob.digest.hex
    proxy.add("GET", "/blobs/", stall=2_500_000)
    arguments = (proxy.host, repository_name, folder, environment["HOME"])
    had = kill_after(COPY, arguments, partial, 1 << 20)
    proxy.released.set()
    assert partial.read_bytes() == content[:had]
    assert not list((folder / "blobs" / "sha256").iterdir())
    layout = copy()
    assert proxy.headers_of("GET", "Range")[-1] == f"bytes={had}-3499999"
    assert layout.blob_path(blob.digest).read_bytes() == content
    assert layout.blob_path(blob.digest).stat().st_mode & 0o777 == 0o644
    assert not partial.parent.exists()


def test_a_killed_fetch_of_a_material_goes_on(
    proxy, repository_name, blob, content, tmp_path, environment
):
    store = Store(tmp_path / "store")
    partial = store.root / "partial" / blob.digest.hex
    proxy.add("GET", "/blobs/", stall=2_500_000)
    url = f"oci://{proxy.host}/{repository_name}"
    arguments = (url, blob.digest, store.root, environment["HOME"])
    had = kill_after(FETCH, arguments, partial, 1 << 20)
    proxy.released.set()
    assert not store.has_blob(blob.digest)
    material = Material(name="python", digest=blob.digest, size=None, url=url)
    received = fetch_materials(
        store, [material], environment=environment, reporter=SilentReporter()
    )
    assert received == len(content) - had
    assert proxy.headers_of("GET", "Range")[-1] == f"bytes={had}-3499999"
    assert store.blob_path(blob.digest).read_bytes() == content
    assert not list(partial.parent.iterdir())


def prepare(folder, blob, content):
    partial = folder / ".partial" / blob.digest.hex
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content)
    return partial


def test_a_run_that_was_cut_off_goes_on(proxy, copy, blob, content, folder):
    proxy.add("GET", "/blobs/", truncate=2_500_000)
    proxy.add("GET", "/blobs/", times=9, status=503)
    with pytest.raises(TransferError) as raised:
        copy()
    assert raised.value.found == "HTTP 503 Service Unavailable"
    assert (folder / ".partial" / blob.digest.hex).read_bytes() == content[: 1 << 20]
    proxy.faults.clear()
    assert copy().blob_path(blob.digest).read_bytes() == content


@pytest.mark.parametrize("change", [lambda had: b"!" + had[1:], lambda had: had + b"!" * 3_500_000])
def test_what_is_left_of_other_bytes_is_not_used(proxy, copy, blob, content, folder, change):
    ImageLayout.create(folder)
    partial = prepare(folder, blob, change(content[:2_000_000]))
    assert copy().blob_path(blob.digest).read_bytes() == content
    assert proxy.headers_of("GET", "Range")[-1] is None
    assert not partial.exists()


def test_all_but_the_name_was_there(proxy, copy, blob, content, folder):
    ImageLayout.create(folder)
    prepare(folder, blob, content)
    assert copy().blob_path(blob.digest).read_bytes() == content
    assert not [seen for seen in proxy.log if seen.verb == "GET" and "/blobs/" in seen.path]


def test_a_server_without_ranges_sends_all_again(proxy, copy, blob, content, folder):
    ImageLayout.create(folder)
    prepare(folder, blob, content[:2_000_000])
    proxy.add("GET", "/blobs/", status=416)
    assert copy().blob_path(blob.digest).read_bytes() == content


def test_wrong_bytes_leave_nothing(proxy, copy, folder):
    proxy.add("GET", "/blobs/", flip=1_000_000)
    with pytest.raises(DigestError):
        copy()
    assert not list((folder / ".partial").iterdir())


def test_two_at_once_fetch_it_once(proxy, repository_name, environment, root, blob, folder):
    layout = ImageLayout.create(folder)

    def run():
        with Repository(proxy.host, repository_name, environment=environment) as source:
            copy_objects(source, layout, root, reporter=SilentReporter(), tag="v1")

    proxy.add("GET", "/blobs/", delay=1)
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert layout.tags()["v1"].digest == root.digest
    assert len([seen for seen in proxy.log if seen.verb == "GET" and "/blobs/" in seen.path]) == 1


def test_what_nobody_came_back_for_is_swept_away(copy, blob, content, folder):
    ImageLayout.create(folder)
    other = Descriptor(media_type=blob.media_type, digest=root_digest(), size=1 << 22)
    stale = prepare(folder, other, content[:1000])
    os.utime(stale, (0, 0))
    copy()
    assert not stale.parent.exists()


def root_digest():
    from ocistacks.digests import Digest

    return Digest.of_bytes(b"other")
