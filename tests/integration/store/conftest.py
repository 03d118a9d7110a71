"""A server that answers each request as its script says, and a store to fetch into."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ocistacks.digests import Digest
from ocistacks.progress import SilentReporter
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; ``promised`` is the Content-Length where it is not that of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    waits_for: threading.Barrier | None = None


@dataclass
class FaultServer:
    """``script`` maps paths to answers, given one after the other, the last one for ever."""

    url: str = ""
    script: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, path: str, *answers: dict[str, Any]) -> None:
        """Say how requests for a path are answered, by the fields of ``Answer``."""
        self.script[path] = [Answer(**answer) for answer in answers]

    def next_answer(self, path: str, headers: dict[str, str]) -> Answer:
        with self.lock:
            self.asked.append((path, headers))
            answers = self.script[path.partition("?")[0]]
            return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: FaultServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        answer = self.faults.next_answer(self.path, dict(self.headers))
        if answer.waits_for is not None:
            answer.waits_for.wait(timeout=20)
        self.send_response(answer.status)
        self.send_header("Connection", "close")
        length = len(answer.body) if answer.promised is None else answer.promised
        if length >= 0:
            self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server():
    faults = FaultServer()
    handler = type("Handler", (_Handler,), {"faults": faults})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    faults.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield faults
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def material(server):
    """A function that makes a material of a content, at a path of the server."""

    def material(content, path="/file", *, size=True, **fields):
        return Material(
            name=path.rpartition("/")[2],
            digest=Digest.from_hex(hashlib.sha256(content).hexdigest()),
            size=len(content) if size else None,
            url=server.url + path,
            **fields,
        )

    return material


@pytest.fixture
def fetch(store):
    """A function that fetches materials into the store, with an environment."""

    def fetch(*materials, environment=None):
        return fetch_materials(
            store, materials, environment=environment or {}, reporter=SilentReporter()
        )

    return fetch


@pytest.fixture
def kept(store):
    """A function that returns all files in the store, but for the locks."""

    def kept():
        files = (path for path in store.root.rglob("*") if path.is_file())
        return sorted(
            str(path.relative_to(store.root)) for path in files if path.parent.name != "locks"
        )

    return kept
