"""A Python for another machine than this one, and a stack whose wheels are for both."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocistacks.builder.python_source.apt_mirrors import installed_mirrors
from ocistacks.builder.python_source.fetching import fetch_release
from ocistacks.builder.python_source.sources import source_release
from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter

VERSION = "3.13.5"
X86_64, AARCH64 = Platform.LINUX_X86_64, Platform.LINUX_AARCH64
TRIPLETS = {X86_64: "x86_64-linux-gnu", AARCH64: "aarch64-linux-gnu"}
SYSTEM_ROOT = "/usr/aarch64-linux-gnu"

# Not optimised: it compiles in half the time, and does little here.
CONFIGURE = (
    *("--quiet", "--prefix=/python", "--disable-test-modules", "--without-ensurepip"),
    *("--without-static-libpython", "--with-pkg-config=no", "OPT=-DNDEBUG -fwrapv -O0"),
    *("--host=aarch64-linux-gnu", f"--build={TRIPLETS[X86_64]}"),
    *("ac_cv_buggy_getaddrinfo=no", "ac_cv_file__dev_ptmx=yes", "ac_cv_file__dev_ptc=no"),
)
# What nothing here imports: compiling it under emulation takes long.
LEFT_OUT = (
    *("config-*", "idlelib", "turtledemo", "tkinter", "pydoc_data", "__phello__", "lib2to3"),
    *("asyncio", "ctypes", "curses", "dbm", "ensurepip", "multiprocessing", "sqlite3", "unittest"),
    *(
        "venv",
        "wsgiref",
        "xml",
        "xmlrpc",
        "_pyrepl",
        "turtle.py",
        "pickletools.py",
        "_pydecimal.py",
    ),
    *(f"encodings/{name}*.py" for name in ("cp", "iso", "mac", "koi", "big5", "euc", "gb", "jo")),
)

THROUGH_QEMU = f"""\
#!/bin/sh
exec {{qemu}} -L {SYSTEM_ROOT} -0 "$0" "${{{{0%/*}}}}/../libexec/python3.13" "$@"
"""

NATIVE = """\
#include <Python.h>
#ifdef __aarch64__
#define MACHINE "aarch64"
#else
#define MACHINE "x86_64"
#endif
static PyObject *machine(PyObject *self, PyObject *none) { return PyUnicode_FromString(MACHINE); }
static PyMethodDef methods[] = {{"machine", machine, METH_NOARGS, ""}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native", "", 0, methods};
PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&definition); }
"""
GREET = "import sys\n\ndef main():\n    print('hello', *sys.argv[1:])\n"
TELL = """\
import json, platform, sys
import greet, native
print(json.dumps({
    "machine": platform.machine(), "native": native.machine(), "prefix": sys.prefix,
    "base": sys.base_prefix, "greet": greet.__file__, "cached": greet.__cached__,
}))
"""
SPEC = """\
[[runtimes]]
name = "python"
python_implementation = "cpython@3.13.5"
platforms = {platforms}
requirements = []

[[frameworks]]
name = "tools"
runtime = "python"
requirements = {requirements}

[[applications]]
name = "tell"
frameworks = ["tools"]
launch_module = "tell.py"
requirements = []

[tool.uv]
no-index = true
find-links = ["wheels"]

[tool.ocistacks]
base_image = "none"
builder = "local"
"""


def required(program, package):
    """Return a program's path; a machine without it is told what to install."""
    path = shutil.which(program)
    assert path, f"these tests need {program}: apt-get install {package}"
    return path


@pytest.fixture(scope="session")
def qemu():
    assert Platform.of_this_machine() == X86_64, "these tests are for a machine with x86_64"
    return required("qemu-aarch64-static", "qemu-user-static")


@pytest.fixture(scope="session")
def x86_64_archive(python_pin, test_store):
    """A Python of this machine's own kind."""
    assert python_pin.version == VERSION
    return test_store.blob_path(python_pin.digest)


def unpacked(archive, folder):
    """Unpack an archive and return its folder ``python``."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    return folder / "python"


def packed(python, archive):
    """Pack the folder ``python``; the archive appears when it is whole."""
    unfinished = archive.with_name(f"{archive.name}.new")
    command = ["tar", "--use-compress-program=zstd -3", "-cf", unfinished]
    subprocess.run([*command, "-C", python.parent, python.name], check=True)
    unfinished.rename(archive)
    return archive


@pytest.fixture(scope="session")
def aarch64_archive(qemu, x86_64_archive, test_cache, test_store, tmp_path_factory):
    """The same release of Python for aarch64: cross-compiled once, and then it stays."""
    recipe = Digest.of_bytes(repr((VERSION, CONFIGURE, LEFT_OUT)).encode()).hex[:12]
    archive = test_cache / f"cpython-{VERSION}-{AARCH64}-{recipe}.tar.zst"
    if archive.exists():
        return archive
    required("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    release = source_release(VERSION, debian_mirrors=installed_mirrors())
    tarball = fetch_release(release, test_store, environment=os.environ, reporter=SilentReporter())
    folder = tmp_path_factory.mktemp("cross")
    build_python = unpacked(x86_64_archive, folder / "build") / "bin" / "python3.13"
    subprocess.run(["tar", "-xf", tarball, "-C", folder], check=True)
    source = folder / f"Python-{VERSION}"
    for step in (
        ["./configure", *CONFIGURE, f"--with-build-python={build_python}"],
        ["make", "--silent", f"--jobs={os.cpu_count()}"],
        ["make", "--silent", "install", f"DESTDIR={folder}", "COMPILEALL_OPTS=-h"],
    ):
        done = subprocess.run(step, cwd=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    python = folder / "python"
    for name in LEFT_OUT:
        for path in (python / "lib" / "python3.13").glob(name):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    subprocess.run(["aarch64-linux-gnu-strip", python / "bin" / "python3.13"], check=True)
    shutil.rmtree(python / "share")
    return packed(python, archive)


@pytest.fixture(scope="session")
def aarch64_archive_through_qemu(aarch64_archive, qemu, tmp_path_factory):
    """The Python for aarch64 as this machine runs it: a builder with aarch64 works with that."""
    folder = tmp_path_factory.mktemp("through-qemu")
    python = unpacked(aarch64_archive, folder / "unpacked")
    (python / "libexec").mkdir()
    (python / "bin" / "python3.13").rename(python / "libexec" / "python3.13")
    wrapper = python / "bin" / "python3.13"
    wrapper.write_text(THROUGH_QEMU.format(qemu=qemu))
    wrapper.chmod(0o755)
    return packed(python, folder / "python.tar.zst")


def make_wheel(folder, name, tag, files, entry_points=""):
    information = f"{name}-1.0.dist-info"
    contents = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{information}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{information}/entry_points.txt": entry_points.encode(),
    }
    rows = [f"{information}/RECORD,,\n"]
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, content in contents.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append(f"{path},sha256={digest.decode()},{len(content)}\n")
            archive.writestr(path, content)
        archive.writestr(f"{information}/RECORD", "".join(rows))


@pytest.fixture(scope="session")
def wheels(x86_64_archive, aarch64_archive, tmp_path_factory):
    """A folder with a wheel for every machine, and one that is compiled for each."""
    folder = tmp_path_factory.mktemp("wheels")
    entry_points = "[console_scripts]\ngreet = greet:main\n"
    make_wheel(folder, "greet", "py3-none-any", {"greet.py": GREET.encode()}, entry_points)
    for platform, archive in ((X86_64, x86_64_archive), (AARCH64, aarch64_archive)):
        work = tmp_path_factory.mktemp(platform)
        headers = unpacked(archive, work / "python") / "include" / "python3.13"
        (work / "native.c").write_text(NATIVE)
        command = [f"{TRIPLETS[platform]}-gcc", "-shared", "-fPIC", f"-I{headers}", "native.c"]
        subprocess.run([*command, "-o", "native.so"], cwd=work, check=True)
        tag = f"cp313-cp313-manylinux_2_28_{platform.machine}"
        name = f"native.cpython-313-{TRIPLETS[platform]}.so"
        make_wheel(folder, "native", tag, {name: (work / "native.so").read_bytes()})
    return folder


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack in a folder of its own, and the store of the machine that it is built on."""

    folder: Path

    def run(self, *words, **changes):
        """Run `ocistacks WORDS`; ``changes`` are environment variables."""
        environment = {**os.environ, "OCISTACKS_STORE": str(self.folder / "store"), **changes}
        finished = subprocess.run(
            [sys.executable, "-m", "ocistacks", *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"

    def build(self, platform, *options):
        """Build the stack for a platform; return the blob digest by input digest."""
        self.run("build", self.folder / "venvstacks.toml", *options, OCISTACKS_PLATFORMS=platform)
        records = (self.folder / "store" / "builds").glob("*.json")
        return {record.stem: json.loads(record.read_text())["digest"] for record in records}

    def deploy(self, platform):
        """Publish the stack for a platform, unpack its archives with tar and return the folder."""
        output, target = self.folder / f"out-{platform}", self.folder / f"deployed-{platform}"
        spec = self.folder / "venvstacks.toml"
        self.run("publish", spec, "--output-dir", output, OCISTACKS_PLATFORMS=platform)
        target.mkdir()
        for archive in output.glob("*.tar.zst"):
            subprocess.run(["tar", "-xf", archive, "-C", target], check=True)
        return target


@pytest.fixture(scope="session")
def make_stack(wheels, tmp_path_factory):
    """A function that makes a stack and locks it for ``platforms``.

    ``archives`` has the Python archive that the specification names for each platform.
    """

    def make(archives, platforms, *, requirements=("greet", "native")):
        folder = tmp_path_factory.mktemp("stack")
        shutil.copytree(wheels, folder / "wheels")
        (folder / "tell.py").write_text(TELL)
        sources = [f'[tool.ocistacks.python_sources."{VERSION}"]\n']
        for platform, archive in archives.items():
            digest = Digest.of_file(archive).hex
            sources.append(f'{platform} = {{ url = "{archive.as_uri()}", sha256 = "{digest}" }}\n')
        text = SPEC.format(
            platforms=[str(platform) for platform in archives], requirements=list(requirements)
        )
        (folder / "venvstacks.toml").write_text(text + "".join(sources))
        stack = Stack(folder=folder)
        stack.run("lock", folder / "venvstacks.toml", OCISTACKS_PLATFORMS=",".join(platforms))
        return stack

    return make
