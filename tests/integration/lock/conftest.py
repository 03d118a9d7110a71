"""A package index on the loopback, a stack that locks from it, and a resolver of Pythons."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from packaging.utils import canonicalize_name

from ocistacks.errors import OcistacksError
from ocistacks.lock.lock_stack import lock_stack
from ocistacks.lock.options import LockOptions
from ocistacks.lock.python_pin import PythonPin
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.spec.read import read_stack

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.lock.lock_layer import LockResult

PYTHON_ARCHIVE = b"a stand-in for a Python archive"
LONG_AGO = "2025-01-01T00:00:00Z"


def make_wheel(name: str, version: str, tag: str, requires: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of a wheel that holds one empty module."""
    folder = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        files = {
            f"{name}/__init__.py": f"# {tag}\n",
            f"{folder}/METADATA": "\n".join(metadata) + "\n",
            f"{folder}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        rows = [f"{path},{_row_hash(text)},{len(text)}\n" for path, text in files.items()]
        files[f"{folder}/RECORD"] = "".join([*rows, f"{folder}/RECORD,,\n"])
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return buffer.getvalue()


def _row_hash(text: str) -> str:
    """Return a file's hash as a wheel's RECORD has it (PyPA "Recording installed projects")."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@dataclass
class Index:
    """What an index (PEP 691, PEP 700) serves; ``asked`` are the paths that were requested."""

    url: str = ""
    credentials: tuple[str, str] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    projects: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        version: str,
        *tags: str,
        requires: tuple[str, ...] = (),
        uploaded: str = LONG_AGO,
    ) -> None:
        """Release wheels of those tags, one for all platforms by default."""
        for tag in tags or ("py3-none-any",):
            content = make_wheel(name, version, tag, requires)
            self._list(name, f"{name}-{version}-{tag}.whl", content, uploaded)

    def add_sdist(self, name: str, version: str) -> None:
        """Release a source distribution alone."""
        self._list(name, f"{name}-{version}.tar.gz", b"no wheel", LONG_AGO)

    def _list(self, name: str, filename: str, content: bytes, uploaded: str) -> None:
        self.files[filename] = content
        entry = {
            "filename": filename,
            "url": f"{self.url.removesuffix('/simple')}/files/{filename}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "upload-time": uploaded,
        }
        self.projects.setdefault(canonicalize_name(name), []).append(entry)

    def answer(self, path: str, authorization: str | None) -> tuple[int, str, bytes]:
        """Return the status, the media type and the body for a request."""
        self.asked.append(path)
        if self.credentials is not None:
            pair = base64.b64encode(":".join(self.credentials).encode()).decode()
            if authorization != f"Basic {pair}":
                return 401, "text/plain", b"who are you?"
        kind, _, name = unquote(path).strip("/").partition("/")
        if kind == "simple" and name in self.projects:
            files = self.projects[name]
            body = {
                "meta": {"api-version": "1.1"},
                "name": name,
                "versions": sorted({str(file["filename"]).split("-")[1] for file in files}),
                "files": files,
            }
            return 200, "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()
        if kind == "files" and name in self.files:
            return 200, "application/octet-stream", self.files[name]
        return 404, "text/plain", b"no such thing"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: Index

    def do_GET(self) -> None:
        status, media_type, body = self.index.answer(self.path, self.headers["Authorization"])
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")  # else uv does not see new releases
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that the server asks for

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def new_index():
    """A function that serves an empty index, until the test ends."""
    servers = []

    def new_index(*, credentials=None):
        index = Index(credentials=credentials)
        handler = type("Handler", (_Handler,), {"index": index})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        index.url = f"http://127.0.0.1:{server.server_port}/simple"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return index

    yield new_index
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def index(new_index):
    return new_index()


class Pythons:
    """A ``PythonResolver`` whose archives are stand-ins; ``asked`` is what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Platform]] = []
        self.archive = PYTHON_ARCHIVE

    def __call__(self, runtime, platform):
        self.asked.append((runtime.environment_name, platform))
        return PythonPin(
            version=runtime.python_version,
            sha256=hashlib.sha256(self.archive).hexdigest(),
            size=len(self.archive),
            origin="made for this test",
        )


@dataclass
class StackFolder:
    """A stack on disk whose only index is the test's, and the ways to lock it."""

    folder: Path
    index: Index
    environment: dict[str, str]
    pythons: Pythons = field(default_factory=Pythons)

    def write(self, text: str, *, uv: str | None = None) -> None:
        """Write the specification; ``uv`` stands for `[tool.uv]`, by default the test's index."""
        default = f'[[tool.uv.index]]\nurl = "{self.index.url}"\ndefault = true\n'
        self.path.write_text(f"{text}\n{default if uv is None else uv}")

    @property
    def path(self) -> Path:
        return self.folder / "venvstacks.toml"

    def read(self):
        return read_stack(self.path, environment=self.environment)

    def lock(self, **options) -> dict[str, LockResult]:
        """Lock for this machine's platform, and return the results by environment name."""
        options.setdefault("platforms", (Platform.LINUX_X86_64,))
        results = lock_stack(
            self.read(),
            resolve_python=self.pythons,
            options=LockOptions(environment=self.environment, **options),
            reporter=SilentReporter(),
        )
        return {result.lock.layer.environment_name: result for result in results}

    def outcomes(self, **options) -> dict[str, str]:
        return {name: result.outcome for name, result in self.lock(**options).items()}

    def versions(self, layer: str) -> dict[str, str]:
        """Return what the lock on disk says of a layer's packages: name to version and marker."""
        lines = (self.folder / "requirements" / layer / f"packages-{layer}.txt").read_text()
        packages = [line.partition("==") for line in lines.splitlines() if "==" in line]
        return {name: rest for name, _, rest in packages}

    def metadata(self, layer: str) -> dict[str, object]:
        name = layer.replace(".", "_")
        path = self.folder / "requirements" / layer / f"pylock.{name}.meta.json"
        return json.loads(path.read_text())

    def pylock(self, layer: str) -> str:
        name = layer.replace(".", "_")
        return (self.folder / "requirements" / layer / f"pylock.{name}.toml").read_text()

    def snapshot(self) -> dict[str, tuple[bytes, int]]:
        """Return the bytes and the time of change of every file of every lock."""
        return {
            str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted((self.folder / "requirements").rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def stack(tmp_path, index, uv_cache):
    folder = tmp_path / "stack"
    folder.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(uv_cache),
        "UV_HTTP_RETRIES": "0",
    }
    return StackFolder(folder=folder, index=index, environment=environment)


@pytest.fixture
def refusal(stack):
    """A function that locks and returns the whole message of the refusal."""

    def refusal(**options):
        with pytest.raises(OcistacksError) as caught:
            stack.lock(**options)
        return type(caught.value).__name__, str(caught.value)

    return refusal
