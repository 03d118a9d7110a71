"""A small stack whose wheels and Python a server on the loopback has, its push, and a forger."""

import base64
import contextlib
import hashlib
import http.server
import io
import json
import shutil
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ocistacks.digests import Digest
from ocistacks.oci.attestations import attach, attestation, read_attestations
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.model import Descriptor, Index, Manifest

SBOM = "application/vnd.cyclonedx+json"
PROVENANCE = "application/vnd.in-toto+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
RUNTIME = """
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = []
"""
REST = """
[[frameworks]]
name = "numbers"
runtime = "cpython-3.13"
requirements = ["counting", "measuring"]

[[applications]]
name = "demo"
launch_module = "demo.py"
frameworks = ["numbers"]
requirements = ["saying"]

[[applications]]
name = "other"
launch_module = "other.py"
frameworks = ["numbers"]
requirements = []

[[tool.uv.index]]
url = "{server}/simple"
default = true

[tool.ocistacks.python_sources."3.13.5"]
linux_x86_64 = {{ url = "{server}/python.tar.zst", sha256 = "{python}" }}
"""
WHEELS = {"counting": "1.0", "measuring": "2.1", "saying": "0.3"}


def make_wheel(name, version):
    folder = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text)}\n")
    files[f"{folder}/RECORD"] = "".join([*rows, f"{folder}/RECORD,,\n"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return buffer.getvalue()


@dataclass
class Files:
    """What the server has, by path; ``asked`` are the paths that were requested."""

    url: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def release(self, name, version):
        filename = f"{name}-{version}-py3-none-any.whl"
        content = make_wheel(name, version)
        self.contents[f"/files/{filename}"] = content
        entry = {
            "filename": filename,
            "url": f"{self.url}/files/{filename}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
        }
        meta = {"meta": {"api-version": "1.1"}, "name": name, "versions": [version]}
        page = json.dumps({**meta, "files": [{**entry, "size": len(content)}]})
        self.contents[f"/simple/{name}"] = page.encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.rstrip("/")
        files = self.server.files
        files.asked.append(path)
        content = files.contents.get(path)
        self.send_response(404 if content is None else 200)
        if path.startswith("/simple/"):
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET  # noqa: N815 - the name that the server asks for

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def python_archive(command_line, tmp_path_factory):
    """The archive of a CPython that is compiled once, and stays between runs."""
    folder = tmp_path_factory.mktemp("runtime")
    spec = folder / "venvstacks.toml"
    spec.write_text(RUNTIME)
    command_line.succeed("lock", spec)
    metadata = folder / "requirements" / "cpython-3.13" / "pylock.cpython-3_13.meta.json"
    ((_platform, pin),) = json.loads(metadata.read_text())["ocistacks"]["python"].items()
    return Path(command_line.environment["OCISTACKS_STORE"], "blobs", "sha256", pin["sha256"])


@pytest.fixture(scope="session")
def files(python_archive):
    """The server of the wheels and of that Python."""
    served = Files()
    served.contents["/python.tar.zst"] = python_archive.read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.files = served
        served.url = f"http://127.0.0.1:{server.server_port}"
        for name, version in WHEELS.items():
            served.release(name, version)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def small_stack(command_line, files, tmp_path_factory):
    """The specification, locked and built."""
    folder = tmp_path_factory.mktemp("small") / "stack"
    folder.mkdir()
    python = hashlib.sha256(files.contents["/python.tar.zst"]).hexdigest()
    spec = folder / "venvstacks.toml"
    spec.write_text(RUNTIME + REST.format(server=files.url, python=python))
    (folder / "demo.py").write_text("import saying; print('demo', saying.VERSION)\n")
    (folder / "other.py").write_text("import counting; print('other', counting.VERSION)\n")
    command_line.succeed("lock", spec)
    command_line.succeed("build", spec)
    return spec


@pytest.fixture(scope="session")
def attested(command_line, small_stack, registry, base_layout):
    """The reference of the pushed stack, application images and attestations included."""
    reference = f"{registry}/e2e/attested:latest"
    command_line.succeed("push", small_stack, reference, "--base-image", base_layout)
    return reference


@pytest.fixture(scope="session")
def pushed_layout(command_line, small_stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pushed") / "layout"
    command_line.succeed("push", small_stack, f"oci:{folder}:latest")
    return folder


@pytest.fixture
def layout(pushed_layout, tmp_path):
    """The stack in an image layout that a test may damage."""
    return shutil.copytree(pushed_layout, tmp_path / "layout")


@pytest.fixture
def damaged(registry_data):
    """A function: within it, the registry's file of a digest has other bytes."""

    @contextlib.contextmanager
    def damage(digest, change):
        hexadecimal = digest.removeprefix("sha256:")
        path = (
            registry_data
            / "docker/registry/v2/blobs/sha256"
            / hexadecimal[:2]
            / hexadecimal
            / "data"
        )
        before = path.read_bytes()
        path.write_bytes(change(before))
        try:
            yield
        finally:
            path.write_bytes(before)

    return damage


@pytest.fixture
def rows():
    """A function that reads the table of checks: {layer: {column: outcome}}."""

    def read(told):
        lines = told.splitlines()
        columns = lines[0].split()
        table = {}
        for line in lines[1:]:
            cells = line.rsplit(maxsplit=len(columns) - 1)  # names of images hold spaces
            if len(cells) == len(columns) and "promise" not in line:
                table[cells[0].strip()] = dict(zip(columns[2:], cells[2:], strict=True))
        return table

    return read


class Forger:
    """Changes a stack in a layout as somebody with the right to write to a registry could."""

    def __init__(self, folder):
        self.layout = ImageLayout.open(folder)
        self.reference = f"oci:{folder}:latest"

    @property
    def index(self):
        root = self.layout.resolve("latest")
        return Index.read(self.layout.read_manifest(root), where="test")

    def entry(self, name):
        (found,) = [
            entry
            for entry in self.index.manifests
            if entry.annotation("dev.ocistacks.layer.name") == name
            and entry.annotation("org.opencontainers.image.title")
        ]
        return found

    def manifest(self, entry):
        return Manifest.read(self.layout.read_manifest(entry), where="test")

    def write_blob(self, content, media_type):
        descriptor = Descriptor(
            media_type=media_type, digest=Digest.of_bytes(content), size=len(content)
        )
        self.layout.write_blob(descriptor, lambda: contextlib.nullcontext(iter((content,))))
        return descriptor

    def replace(self, name, manifest, **changes):
        """Put another manifest in the place of a layer's, and attach what the old one had."""
        old = self.entry(name)
        content = manifest.canonical()
        self.layout.write_manifest(content, MANIFEST_TYPE, None)
        digest = Digest.of_bytes(content)
        new = old.model_copy(update={"digest": digest, "size": len(content), **changes})
        entries = tuple(new if each == old else each for each in self.index.manifests)
        index = self.index.model_copy(update={"manifests": entries}).canonical()
        self.layout.write_manifest(index, INDEX_TYPE, "latest")
        return old, new

    def documents(self, entry, kind):
        return [content for _, content in read_attestations(self.layout, entry.digest, kind)]

    def attach(self, entry, kind, content):
        attach([attestation(entry, kind, content, title="forged.json")], self.layout)

    def detach(self, entry, kind):
        """Take what is attached out of the layout's index."""
        gone = {each.digest for each in self.layout.referrers(entry.digest, kind)}
        path = self.layout.folder / "index.json"
        index = json.loads(path.read_bytes())
        index["manifests"] = [each for each in index["manifests"] if each["digest"] not in gone]
        path.write_text(json.dumps(index))

    def with_blob(self, name, change_tree, tmp_path):
        """Give a layer another blob, with all its documents made to fit."""
        entry = self.entry(name)
        manifest = self.manifest(entry)
        path, blob = tmp_path / "forged", change_tree()
        (old_layer,) = manifest.layers
        annotations = {
            **(old_layer.annotations or {}),
            **blob.annotations,
            "dev.ocistacks.blob.uncompressed-size": str(blob.uncompressed_size),
            "dev.ocistacks.blob.file-count": str(blob.file_count),
        }
        content = path.read_bytes()
        layer = self.write_blob(content, old_layer.media_type)
        layer = layer.model_copy(update={"annotations": annotations})
        configuration = json.loads(self.layout.blob_path(manifest.config.digest).read_bytes())
        configuration["rootfs"]["diff_ids"] = [blob.diff_id]
        config = self.write_blob(json.dumps(configuration).encode(), manifest.config.media_type)
        changed = manifest.model_copy(update={"layers": (layer,), "config": config})
        old, new = self.replace(name, changed)
        (statement,) = self.documents(old, PROVENANCE)
        document = json.loads(statement)
        document["subject"][0]["digest"]["sha256"] = layer.digest.hex
        self.attach(new, PROVENANCE, json.dumps(document).encode())
        self.attach(new, SBOM, self.documents(old, SBOM)[0])


@pytest.fixture
def forger_of():
    """A function that gives a forger of the stack in a layout."""
    return Forger


@pytest.fixture
def forger(forger_of, layout):
    return forger_of(layout)
