"""Mirrors tried in turn, over real HTTP."""

import http.server
import threading
from dataclasses import replace

import pytest

from ocistacks.builder.python_source.fetching import fetch_release
from ocistacks.builder.python_source.sources import source_release
from ocistacks.digests import Digest
from ocistacks.errors import MaterialError
from ocistacks.progress import SilentReporter
from ocistacks.store.store import Store

TARBALL = b"the release tarball" * 1000
DIGEST = Digest.of_bytes(TARBALL)
WRONG = b"another file, served under the same name"


class Notes(SilentReporter):
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)


@pytest.fixture
def mirror():
    """A server with one folder per mood; gives its address and the paths that were asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = {"good": TARBALL, "lying": WRONG}.get(self.path.split("/")[1])
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def release_at(address, *moods):
    release = source_release("3.14.99", digest=DIGEST)
    urls = tuple(f"{address}/{mood}/{release.file_name}" for mood in moods)
    return replace(release, urls=urls)


def test_a_mirror_without_the_file_and_one_that_lies_are_passed_over(mirror, tmp_path):
    address, asked = mirror
    store, notes = Store(tmp_path), Notes()
    release = release_at(address, "empty", "lying", "good", "never")
    path = fetch_release(release, store, environment={}, reporter=notes)
    assert path.read_bytes() == TARBALL
    name = "Python-3.14.99.tar.xz"
    assert asked == [f"/empty/{name}", f"/lying/{name}", f"/good/{name}"]
    assert notes.lines == [
        f"No {name} from {address}/empty/{name}: HTTP 404 Not Found",
        f"No {name} from {address}/lying/{name}: {Digest.of_bytes(WRONG)}",
    ]


def test_a_tarball_in_the_store_is_not_fetched_again(mirror, tmp_path):
    address, asked = mirror
    release = release_at(address, "good")
    for _ in range(2):
        fetch_release(release, Store(tmp_path), environment={}, reporter=SilentReporter())
    assert len(asked) == 1


def test_where_no_mirror_is_left_all_are_named_and_nothing_is_kept(mirror, tmp_path):
    address, _ = mirror
    release = release_at(address, "empty", "lying")
    with pytest.raises(MaterialError) as caught:
        fetch_release(release, Store(tmp_path), environment={}, reporter=SilentReporter())
    name = "Python-3.14.99.tar.xz"
    assert str(caught.value) == (
        f"{name} cannot be fetched from any mirror.\n"
        f"  found: \n    {address}/empty/{name}: HTTP 404 Not Found"
        f"\n    {address}/lying/{name}: {Digest.of_bytes(WRONG)}\n"
        f"  expected: {DIGEST}\n"
        "  hint: check the network and proxy settings, or name a finished archive in "
        "[tool.ocistacks.python_sources]"
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []
