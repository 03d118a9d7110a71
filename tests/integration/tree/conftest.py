"""Tiny wheels, build requests on them, and trees that the real steps assemble."""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from ocistacks.blob.pack import pack_tree
from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput
from ocistacks.spec.names import LayerKind
from ocistacks.tree.assemble import assemble_tree

PLATFORM = Platform.of_this_machine()
TAG = "py3-none-any"


def row_hash(content):
    value = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={value}"


class Workshop:
    """Makes wheels and trees in one folder."""

    def __init__(self, folder, python_archive):
        self.folder = folder
        self.python_archive = python_archive
        self.materials = {}
        if python_archive is not None:
            self.python_digest = Digest.of_file(python_archive)
            self.materials[self.python_digest] = python_archive

    def material(self, digest):
        return self.materials[digest]

    def wheel(self, name, files, *, entry_points="", record=lambda rows: rows):
        """Make a wheel; ``record`` may change its rows: name -> (hash, size)."""
        information = f"{name}-1.0.dist-info"
        contents = {
            path: content.encode() if isinstance(content, str) else content
            for path, content in files.items()
        }
        contents[f"{information}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        )
        contents[f"{information}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
        )
        if entry_points:
            contents[f"{information}/entry_points.txt"] = entry_points.encode()
        rows = {path: (row_hash(content), len(content)) for path, content in contents.items()}
        lines = [f"{path},{digest},{size}\n" for path, (digest, size) in record(rows).items()]
        lines.append(f"{information}/RECORD,,\n")
        filename = f"{name}-1.0-{TAG}.whl"
        path = self.folder / filename
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in contents.items():
                archive.writestr(member, content)
            archive.writestr(f"{information}/RECORD", "".join(lines))
        digest = Digest.of_file(path)
        self.materials[digest] = path
        return WheelInput(name=name, version="1.0", filename=filename, digest=digest)

    def modules(self, launch_module, files):
        """Make the tar of an application's modules."""
        source = Path(tempfile.mkdtemp(dir=self.folder, prefix="modules-"))
        for path, text in files.items():
            (source / path).write_text(text)
        archive = source.with_suffix(".tar")
        subprocess.run(["tar", "-C", source, "-cf", archive, *sorted(files)], check=True)
        digest = Digest.of_file(archive)
        self.materials[digest] = archive
        return ModulesInput(launch_module=launch_module, digest=digest)

    def request(self, install_target, *, kind=LayerKind.FRAMEWORK, version="3.13.5", **changes):
        bytecode = changes.get("bytecode", True)
        needs_python = bytecode or kind is LayerKind.RUNTIME
        given = {
            "kind": kind,
            "install_target": install_target,
            "platform": PLATFORM,
            "python": PythonInput(
                implementation="cpython",
                version=version,
                digest=self.python_digest if needs_python else None,
            ),
            "lower_targets": () if kind is LayerKind.RUNTIME else ("runtime",),
            "wheels": (),
            "modules": None,
            "bytecode": True,
            "compression": "zstd",
            "compression_level": 3,
        }
        return BuildRequest(**{**given, **changes})

    def archive(self, name, files):
        """Make a Python archive of a few files, and return its digest."""
        path = self.folder / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for place, text in files.items():
                member = tarfile.TarInfo(f"python/{place}")
                member.size, member.mode = len(text.encode()), 0o755
                archive.addfile(member, io.BytesIO(text.encode()))
        digest = Digest.of_file(path)
        self.materials[digest] = path
        return digest

    def assemble(self, request, *, jobs=2, build_python=None):
        """Assemble the tree of a request in a new folder, as a builder does."""
        work = Path(tempfile.mkdtemp(dir=self.folder, prefix="work-"))
        before = os.umask(0o022)
        try:
            return assemble_tree(
                request,
                material=self.material,
                work=work,
                jobs=jobs,
                report=lambda _step: None,
                build_python=build_python,
            )
        finally:
            os.umask(before)

    def pack(self, tree):
        """Pack a tree and return the blob's file."""
        path = self.folder / f"{tree.name}.tar.zst"
        with path.open("wb") as output:
            pack_tree(tree, tree.name, output)
        return path


@pytest.fixture(scope="session")
def make_workshop(test_store, python_pin):
    """A function that opens a workshop in a folder."""
    archive = test_store.blob_path(python_pin.digest)
    return lambda folder: Workshop(folder, archive)


@pytest.fixture
def workshop(tmp_path, make_workshop):
    return make_workshop(tmp_path)


@pytest.fixture
def bare_workshop(tmp_path):
    """A workshop without a Python: enough for layers without bytecode."""
    return Workshop(tmp_path, None)


@pytest.fixture(scope="session")
def runtime(tmp_path_factory, make_workshop):
    """The blob of a runtime layer called ``runtime``, with one wheel, and its tree."""
    shop = make_workshop(tmp_path_factory.mktemp("runtime"))
    wheel = shop.wheel("inruntime", {"inruntime.py": "NAME = 'runtime'\n"})
    request = shop.request("runtime", kind=LayerKind.RUNTIME, wheels=(wheel,))
    tree = shop.assemble(request)
    return shop.pack(tree), tree


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A function that makes a shared object of C source; further words are the compiler's."""
    compiler = shutil.which("gcc")
    assert compiler, "these tests need gcc: apt-get install gcc libc6-dev"

    def make(source, name, *words):
        path = tmp_path_factory.mktemp("compiled") / name
        text = path.with_name("source.c")
        text.write_text(source)
        command = [compiler, "-shared", "-fPIC", "-o", path, text, *words]
        subprocess.run([*map(str, command)], check=True)
        return path

    return make


@pytest.fixture
def unpack():
    """A function that unpacks blobs side by side with plain tools, for every user to read."""
    with tempfile.TemporaryDirectory(prefix="ocistacks-layers-") as top:
        Path(top).chmod(0o755)

        def unpacked(blobs, depth):
            folder = Path(top) / depth
            folder.mkdir(parents=True)
            for blob in blobs:
                with subprocess.Popen(["zstd", "-dc", blob], stdout=subprocess.PIPE) as reader:
                    subprocess.run(["tar", "-x", "-C", folder], stdin=reader.stdout, check=True)
                assert reader.returncode == 0
            subprocess.run(["chmod", "-R", "a-w", folder], check=True)
            return folder

        yield unpacked
        subprocess.run(["chmod", "-R", "u+w", top], check=True)


@pytest.fixture
def answer(run_there):
    """A function that runs Python there and returns the JSON that it prints."""

    def asked(python, code):
        finished = run_there(python, "-c", f"import json; {code}")
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return asked
