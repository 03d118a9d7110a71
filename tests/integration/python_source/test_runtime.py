"""A runtime built from the release tarball, on a bare Debian, read-only, as another user."""

import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard

from ocistacks.digests import Digest

# The first test that asks for the archive waits for the images and for the compiler.
pytestmark = pytest.mark.timeout(1800)

PLACES = ("/srv/shallow/python", "/srv/a/much/deeper/place/python")

IMPORTS = """
import bz2, ctypes, curses, decimal, hashlib, lzma, readline, sqlite3, ssl, sys, sysconfig, uuid
import zlib

text = b"some text " * 1000
for module in (bz2, lzma, zlib):
    assert module.decompress(module.compress(text)) == text
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
assert ctypes.CDLL(None).abs(-7) == 7
hashlib.new("sha3_512"), hashlib.new("ripemd160"), uuid.uuid1(), ssl.create_default_context()
curses.setupterm("xterm")
assert curses.tigetnum("colors") == 8
readline.parse_and_bind("tab: complete")
assert sysconfig.get_config_var("LIBDIR") == sys.prefix + "/lib"
libraries = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
print(sys.prefix, sys.version.split()[0])
print(*sorted(name.split("/")[-1] for name in libraries if not name.startswith(sys.prefix)))
"""


@pytest.mark.parametrize("place", PLACES)
def test_extension_modules_bring_their_libraries_along(bare_run, place):
    printed = bare_run(f"{place}/bin/python3", "-c", IMPORTS)
    assert printed == f"{place} 3.13.5\nld-linux-x86-64.so.2 libc.so.6 libm.so.6\n"


HTTPS = """
import http.server, ssl, threading, urllib.error, urllib.request

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello over " + self.connection.version().encode())

    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/certificates/server.crt", "/certificates/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    print(urllib.request.urlopen(f"https://localhost:{server.server_port}/").read().decode())
except urllib.error.URLError as error:
    print(error.reason.verify_message)
"""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A certificate authority that nobody knows, and a certificate for localhost signed by it."""
    folder = tmp_path_factory.mktemp("certificates")
    new_key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    authority = [*new_key, "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt"]
    authority += ["-addext", "keyUsage=critical,keyCertSign"]  # Python 3.13 insists on it
    server = [*new_key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.crt"]
    server += ["-addext", "subjectAltName=DNS:localhost", "-CA", "ca.crt", "-CAkey", "ca.key"]
    server += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for words in (authority, server):
        command = ["openssl", "req", "-x509", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    folder.chmod(0o755)
    (folder / "server.key").chmod(0o644)
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_https_works_with_the_certificates_that_it_is_given(bare_run, certificates, place):
    command = [f"{place}/bin/python3", "-c", HTTPS]
    mounts = [(certificates, "/certificates")]
    trusting = bare_run(*command, mounts=mounts, environment=["SSL_CERT_FILE=/certificates/ca.crt"])
    assert trusting == "hello over TLSv1.3\n"
    assert bare_run(*command, mounts=mounts) == "unable to get local issuer certificate\n"


@pytest.mark.parametrize("place", PLACES)
def test_a_virtual_environment_with_pip_can_be_made(bare_run, place):
    script = f"{place}/bin/python3 -m venv /tmp/venv && /tmp/venv/bin/pip --version"
    assert bare_run("sh", "-c", script).startswith("pip ")


EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "small", "built for a moved Python"};
PyMODINIT_FUNC PyInit_small(void) { return PyModule_Create(&module); }
"""


@pytest.mark.parametrize("place", PLACES)
def test_an_extension_compiles_against_the_moved_runtime(bare_run, source_image, place, tmp_path):
    source = tmp_path / "small.c"
    source.write_text(EXTENSION)
    tmp_path.chmod(0o755)
    flags = {
        "python3-config": f"{place}/bin/python3-config --includes",
        "pkg-config": f"PKG_CONFIG_PATH={place}/lib/pkgconfig pkg-config --cflags python3",
    }
    for name, command in flags.items():
        script = (
            f"cd /tmp && gcc -shared -fPIC $({command}) /source/small.c -o small.so"
            f" && {place}/bin/python3 -c 'import small; print(small.__doc__)'"
        )
        printed = bare_run("sh", "-c", script, image=source_image, mounts=[(tmp_path, "/source")])
        assert (name, printed) == (name, "built for a moved Python\n")


def members(archive):
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as content,
        tarfile.open(fileobj=content, mode="r|") as tar,
    ):
        return {member.name: member for member in tar}


def test_the_archive_has_one_folder_in_the_usual_layout(runtime):
    found = members(runtime.archive)
    assert {name.split("/")[0] for name in found} == {"python"}
    assert {Path(name).name for name in found if name.startswith("python/bin/")} == {
        "python",
        "python3",
        "python3-config",
        "python3.13",
        "python3.13-config",
    }
    assert found["python/bin/python3"].linkname == "python3.13"
    assert found["python/include/python3.13/Python.h"].isfile()
    assert found["python/lib/python3.13/os.py"].isfile()
    assert found["python/lib/python3.13/site-packages"].isdir()
    bundled = {name.split("/")[2] for name in found if name.startswith("python/lib/lib")}
    assert {"libcrypto.so.3", "libssl.so.3", "libsqlite3.so.0", "libreadline.so.8"} <= bundled
    assert not any("libc.so" in name or "libpython" in name for name in bundled)
    unwanted = ("__pycache__", "/test/", "idlelib", "turtledemo", ".a")
    assert [name for name in found if name.endswith(unwanted) or "/test/" in name] == []


def test_the_blob_that_is_printed_is_the_archive(runtime):
    assert runtime.blob["digest"] == Digest.of_file(runtime.archive)
    assert runtime.blob["size"] == runtime.archive.stat().st_size


def test_a_container_and_a_root_of_packages_give_the_same_bytes(runtime, python_pin):
    """Two builds: other isolation, other folders, another number of jobs, the same archive."""
    assert Digest.of_file(runtime.archive) == python_pin.digest
