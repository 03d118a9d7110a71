"""Prebuilt Pythons through uv, from a server that speaks python-build-standalone's protocol.

The server is this machine; the list of downloads is in the form of uv's own, and the archive holds
a stand-in interpreter: uv fetches and verifies it as it does the real ones.
"""

import hashlib
import http.server
import io
import json
import os
import tarfile
import threading

import pytest

from ocistacks.builder.standalone import fetch_standalone
from ocistacks.errors import MaterialError
from ocistacks.platforms import Platform
from ocistacks.store.store import Store

KEY = "cpython-3.13.5-linux-x86_64-gnu"
ARCHIVE = "cpython-3.13.5+20250723-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"


def stand_in_archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content, mode in (
            ("python/bin/python3.13", b"#!/bin/sh\nexit 0\n", 0o755),
            ("python/lib/python3.13/os.py", b"", 0o644),
            (
                "python/lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py",
                (
                    b"# system configuration generated and used by the sysconfig module\n"
                    b"build_time_vars = {}\n"
                ),
                0o644,
            ),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def listing(url, sha256):
    return {
        KEY: {
            "name": "cpython",
            "arch": {"family": "x86_64", "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": 3,
            "minor": 13,
            "patch": 5,
            "prerelease": "",
            "url": url,
            "sha256": sha256,
            "variant": None,
            "build": "20250723",
        }
    }


@pytest.fixture
def server():
    """Serve a dictionary of paths to contents on the loopback; give it and the address."""
    contents = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = contents.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield contents, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def environment(server, tmp_path):
    _contents, address = server
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_PYTHON_DOWNLOADS_JSON_URL": f"{address}/list.json",
    }


def serve(server, *, sha256=None):
    contents, address = server
    archive = stand_in_archive()
    contents["/archives/" + ARCHIVE.replace("+", "%2B")] = archive
    url = f"{address}/archives/{ARCHIVE.replace('+', '%2B')}"
    actual = hashlib.sha256(archive).hexdigest()
    contents["/list.json"] = json.dumps(listing(url, sha256 or actual)).encode()
    return archive, actual, url


def test_the_archive_that_uv_verified_is_pinned(server, environment, tmp_path):
    archive, sha256, url = serve(server)
    store = Store(tmp_path / "store")
    pin = fetch_standalone("3.13.5", Platform.LINUX_X86_64, store=store, environment=environment)
    assert (pin.version, pin.sha256, pin.size) == ("3.13.5", sha256, len(archive))
    assert pin.origin == "python-build-standalone"
    assert pin.url == url
    assert store.blob_path(pin.digest).read_bytes() == archive


def test_an_archive_with_another_digest_is_refused_and_not_kept(server, environment, tmp_path):
    _archive, sha256, _url = serve(server, sha256="0" * 64)
    store = Store(tmp_path / "store")
    with pytest.raises(MaterialError) as raised:
        fetch_standalone("3.13.5", Platform.LINUX_X86_64, store=store, environment=environment)
    assert raised.value.what == "uv cannot fetch Python."
    assert raised.value.where == KEY
    assert sha256 in raised.value.found
    assert list((store.root / "blobs" / "sha256").iterdir()) == []


def test_a_python_that_nobody_has(server, environment, tmp_path):
    serve(server)
    with pytest.raises(MaterialError) as raised:
        fetch_standalone(
            "3.13.99",
            Platform.LINUX_X86_64,
            store=Store(tmp_path / "store"),
            environment=environment,
        )
    assert raised.value.where == "cpython-3.13.99-linux-x86_64-gnu"
