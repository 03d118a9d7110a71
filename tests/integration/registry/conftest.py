"""Blobs in a real registry, and a proxy before it that breaks what it is told to."""

from __future__ import annotations

import http.client
import http.server
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ocistacks.digests import Digest
from ocistacks.registry.model import Descriptor
from ocistacks.registry.repository import Repository

PIECE = 1 << 16


@pytest.fixture
def describe():
    """A function that gives the descriptor of a content."""

    def descriptor(content):
        return Descriptor(
            media_type="application/octet-stream",
            digest=Digest.of_bytes(content),
            size=len(content),
        )

    return descriptor


@pytest.fixture
def content():
    """Some megabytes that no registry knows."""
    return os.urandom(3_500_000)


@pytest.fixture
def opener():
    """A function that makes a blob's bytes what a sink takes."""

    def make(content):
        @contextmanager
        def opened():
            yield (content[start : start + 300_000] for start in range(0, len(content), 300_000))

        return opened

    return make


@pytest.fixture
def blob(repository, describe, content, opener):
    """The descriptor of a blob that is in the registry."""
    descriptor = describe(content)
    repository.write_blob(descriptor, opener(content))
    return descriptor


@dataclass
class Fault:
    """What happens to requests of a verb whose path holds ``path``, so many ``times``.

    ``status`` answers without the registry; ``cut`` resets the connection after so many bytes of
    the answer, ``cut_request`` after so many of the request, ``lose_answer`` before the answer;
    ``truncate`` ends it there as if all were well, ``stall`` waits there for ``stall_seconds``;
    ``flip`` changes one byte; ``takes`` forgets what an upload has behind it; ``lies`` are headers
    of the answer, None for none.
    """

    verb: str
    path: str
    times: int = 1
    status: int | None = None
    body: bytes = b""
    lies: dict[str, str | None] = field(default_factory=dict)
    cut: int | None = None
    cut_request: int | None = None
    lose_answer: bool = False
    takes: int | None = None
    truncate: int | None = None
    flip: int | None = None
    stall: int | None = None
    stall_seconds: float = 10.0
    delay: float = 0.0


@dataclass
class Seen:
    """A request; ``received`` is how many bytes of its body came through."""

    verb: str
    path: str
    headers: dict[str, str]
    received: int = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        fault = self.server.fault(self.command, self.path)
        self.seen = Seen(self.command, self.path, dict(self.headers))
        self.server.log.append(self.seen)
        time.sleep(fault.delay)
        if fault.status is not None:
            self._request_body(lambda piece: None, None)
            self._answer(fault.status, {**fault.lies, "Content-Length": str(len(fault.body))})
            self.wfile.write(fault.body)
            return
        try:
            if self.server.keeps_parts and "/uploads/" in self.path:
                self._keep(fault)
            else:
                self._pass_on(fault)
        except ConnectionResetError:
            self._reset()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

    def _pass_on(self, fault):
        upstream = http.client.HTTPConnection(self.server.upstream)
        with closing(upstream):
            self._send_on(upstream, fault)
            with upstream.getresponse() as answer:
                self._lose(fault)
                self._answer(answer.status, {**dict(answer.headers), **fault.lies})
                self._give_back(answer, fault)

    def _keep(self, fault):
        """Do what a registry that keeps the parts of broken uploads does; it checks at the end."""
        path, _, query = self.path.partition("?")
        if self.command == "POST":
            path += uuid.uuid4().hex
            self.server.parts[path] = bytearray()
        had = self.server.parts[path]
        status = {"POST": 202, "GET": 204, "PATCH": 202, "PUT": 201}[self.command]
        if self.command == "PATCH":
            start = int(self.headers["Content-Range"].partition("-")[0])
            # As in the real registry, an old Location is of no use.
            is_next = start == len(had) and query == f"at={start}"
            self._request_body(had.extend if is_next else lambda piece: None, fault.cut_request)
            if fault.takes is not None:
                del had[start + fault.takes :]
            status = 202 if is_next else 416
        elif self.command == "PUT":
            self._request_body(had.extend, fault.cut_request)
            status = self._hand_in(path.rpartition("/")[0] + "/", query, bytes(had))
        self._lose(fault)
        told = {"Location": f"{path}?at={len(had)}", "Content-Length": "0"}
        if had:
            told["Range"] = f"0-{len(had) - 1}"
        self._answer(status, {**told, **fault.lies})

    def _hand_in(self, uploads, query, content):
        upstream = http.client.HTTPConnection(self.server.upstream)
        with closing(upstream):
            upstream.request("POST", uploads)
            with upstream.getresponse() as begun:
                begun.read()
            digest = query.partition("digest=")[2]
            headers = {"Content-Type": "application/octet-stream"}
            place = f"{begun.headers['Location']}&digest={digest}"
            upstream.request("PUT", place, content, headers)
            return upstream.getresponse().status

    def _lose(self, fault):
        if fault.lose_answer:
            raise ConnectionResetError

    def _send_on(self, upstream, fault):
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders()
        self._request_body(upstream.send, fault.cut_request)

    def _request_body(self, send, cut):
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(PIECE, left))
            left -= len(piece)
            send(piece)
            self.seen.received += len(piece)
            if cut is not None and self.seen.received >= cut:
                raise ConnectionResetError

    def _answer(self, status, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def _give_back(self, answer, fault):
        passed = 0
        ends = [end for end in (fault.cut, fault.truncate) if end is not None]
        while piece := answer.read(PIECE):
            piece = piece[: min(ends) - passed] if ends else piece
            if fault.flip is not None and passed <= fault.flip < passed + len(piece):
                changed = bytearray(piece)
                changed[fault.flip - passed] ^= 1
                piece = bytes(changed)
            self.wfile.write(piece)
            passed += len(piece)
            if fault.cut is not None and passed >= fault.cut:
                time.sleep(0.1)  # a reset drops what the other side has not read yet
                raise ConnectionResetError
            if fault.stall is not None and passed >= fault.stall:
                self.server.released.wait(fault.stall_seconds)
            if fault.truncate is not None and passed >= fault.truncate:
                self.close_connection = True
                return

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True

    def finish(self):
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *arguments):
        pass


class FaultProxy(http.server.ThreadingHTTPServer):
    """Passes requests on to a registry; each fault holds for the first requests that it fits."""

    daemon_threads = True

    def __init__(self, upstream, *, keeps_parts=False):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keeps_parts = keeps_parts
        self.parts = {}
        self.upstream = upstream
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.faults = []
        self.log = []
        self.lock = threading.Lock()
        self.released = threading.Event()

    def add(self, verb, path, **what):
        self.faults.append(Fault(verb, path, **what))

    def fault(self, verb, path):
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.verb == verb and fault.path in path:
                    fault.times -= 1
                    return fault
        return Fault(verb, path)

    def headers_of(self, verb, name):
        """Return a header of all requests with that verb, None where it was not sent."""
        return [seen.headers.get(name) for seen in self.log if seen.verb == verb]

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what is tested


@contextmanager
def serving(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy_before():
    """A function that starts a proxy before a registry."""
    with ExitStack() as stack:
        yield lambda host: stack.enter_context(serving(FaultProxy(host)))


@pytest.fixture
def proxy(proxy_before, registry):
    return proxy_before(registry)


@pytest.fixture
def proxied(proxy, repository_name, environment):
    """The same repository as ``repository``, through the proxy."""
    with Repository(proxy.host, repository_name, environment=environment) as opened:
        yield opened


@pytest.fixture
def keeping(registry):
    """A proxy that keeps the parts of uploads, and hands them in when they are complete."""
    with serving(FaultProxy(registry, keeps_parts=True)) as proxy:
        yield proxy


@pytest.fixture
def quick(monkeypatch):
    """Pauses that are short."""
    monkeypatch.setattr("ocistacks.registry.retry.PAUSES_SECONDS", (0.01, 0.01, 0.01))


@pytest.fixture
def ocistacks(environment):
    """A function that runs the command, and gives its exit code and its two outputs."""

    def run(*arguments, given="", **more):
        done = subprocess.run(
            [Path(sys.executable).parent / "ocistacks", *arguments],
            input=given,
            capture_output=True,
            text=True,
            env={**environment, **more},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run
