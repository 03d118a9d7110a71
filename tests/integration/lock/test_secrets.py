"""A stack from a password-protected index, locked, built and published by the commands.

The password comes from a keyring, a netrc file or uv's variables, and is in nothing that the
commands write or say.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import zstandard

USER, PASSWORD = "jo-the-user", "p4ssw0rd-of-jo"
STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["base"]
platforms = ["linux_x86_64"]
[[applications]]
name = "run"
runtime = "py"
launch_module = "run.py"
requirements = ["extra"]
[tool.uv]
{settings}
[[tool.uv.index]]
name = "our-own"
url = "{url}"
default = true
"""
KEYRING = """#!/bin/sh
[ "$1 $2 $3" = "get {url} {user}" ] && echo {password} || exit 1
"""
ZSTANDARD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


def write_base(folder):
    """Write the smallest base image there is, as an OCI layout (OCI image layout 1.1)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("etc"), None)
    layer = buffer.getvalue()
    image = "application/vnd.oci.image"
    diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    platform = {"architecture": "amd64", "os": "linux"}
    config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{image}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{image}.config.v1+json"),
        "layers": [blob(gzip.compress(layer), f"{image}.layer.v1.tar+gzip")],
    }
    described = blob(json.dumps(manifest).encode(), f"{image}.manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [{**described, "platform": platform}]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))


def contents(path):
    """Give a file's bytes, and what is in them where they are compressed."""
    packed = path.read_bytes()
    yield packed
    if packed.startswith(ZSTANDARD):
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
            yield stream.read()
    elif packed.startswith(GZIP):
        yield gzip.decompress(packed)


def holding(secrets, folder, *, since=0.0):
    """Return the files in a folder that hold one of the texts."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        path
        for path in files
        if path.stat().st_mtime >= since
        if any(secret.encode() in content for content in contents(path) for secret in secrets)
    ]


class Private:
    """A stack whose index wants credentials, and the commands on it."""

    def __init__(self, stack, index, store):
        self.folder = stack.folder
        self.index = index
        self.environment = {
            **stack.environment,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "OCISTACKS_STORE": str(store.root),
            "OCISTACKS_BUILDER": "local",
        }
        self.said = []

    def write(self, *, settings="", url=None):
        (self.folder / "venvstacks.toml").write_text(
            STACK.format(settings=settings, url=url or self.index.url)
        )

    def run(self, command, *options):
        """Run a command on the stack and return it finished; what it says is kept."""
        program = [sys.executable, "-m", "ocistacks", command, self.folder / "venvstacks.toml"]
        finished = subprocess.run(
            [*program, *options],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        self.said += [finished.stdout, finished.stderr]
        return finished

    def succeed(self, command, *options):
        finished = self.run(command, *options)
        assert finished.returncode == 0, finished.stderr

    def forget(self):
        """Take the wheels from the store, so that they are fetched again."""
        store = Path(self.environment["OCISTACKS_STORE"])
        for content in self.index.files.values():
            digest = hashlib.sha256(content).hexdigest()
            (store / "blobs" / "sha256" / digest).unlink(missing_ok=True)


@pytest.fixture
def private(stack, index, test_store, python_pin, tmp_path):
    index.credentials = (USER, PASSWORD)
    for name in ("base", "extra"):
        index.add(name, "1.0")
    (stack.folder / "run.py").write_text("import base, extra\nprint('run')\n")
    private = Private(stack, index, test_store)
    private.forget()
    yield private
    private.forget()


@pytest.fixture
def keyring(private, tmp_path):
    """A keyring on PATH that knows the password for the index's URL."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "keyring"
    program.write_text(KEYRING.format(url=private.index.url, user=USER, password=PASSWORD))
    program.chmod(0o755)
    private.environment["PATH"] = f"{folder}{os.pathsep}{private.environment['PATH']}"
    return folder


def with_keyring(private, request):
    request.getfixturevalue("keyring")
    url = private.index.url.replace("://", f"://{USER}@")
    private.write(settings='keyring-provider = "subprocess"', url=url)


def with_netrc(private, request):
    private.write()
    home = Path(private.environment["HOME"]) / "home"
    home.mkdir()
    netrc = home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    private.environment["HOME"] = str(home)


def with_variables(private, request):
    private.write()
    private.environment |= {
        "UV_INDEX_OUR_OWN_USERNAME": USER,
        "UV_INDEX_OUR_OWN_PASSWORD": PASSWORD,
    }


@pytest.mark.parametrize("given", [with_keyring, with_netrc, with_variables])
def test_the_password_is_in_nothing_that_is_written_or_said(private, request, tmp_path, given):
    started = time.time()
    given(private, request)
    base = tmp_path / "base"
    write_base(base)

    private.succeed("lock", "-v")
    private.succeed("build", "-v", "--base-image", f"oci:{base}")
    private.succeed("publish", "-v", "--base-image", f"oci:{base}")

    secrets = [USER, PASSWORD]
    assert "/files/base-1.0-py3-none-any.whl" in private.index.asked
    (private.folder / "venvstacks.toml").unlink()
    assert holding(secrets, private.folder) == []
    assert holding(secrets, Path(private.environment["OCISTACKS_STORE"]), since=started) == []
    assert not any(secret in text for secret in secrets for text in private.said)
    published = {path.name for path in (private.folder / "_artifacts").rglob("*")}
    assert {"py.tar.zst", "app-run.tar.zst", "oci-layout"} <= published
    inside = holding(["Tag: py3-none-any"], private.folder / "_artifacts")
    assert len(inside) == 4, "compressed files are looked into"


def test_failures_do_not_tell_it(private, tmp_path):
    private.index.add("base", "1.1")  # no layer of it was built by another test
    url = private.index.url.replace("://", f"://{USER}:{PASSWORD}@")
    private.write(url=url)
    private.succeed("lock")
    private.environment |= {
        "UV_INDEX_OUR_OWN_USERNAME": f"{USER}-2",
        "UV_INDEX_OUR_OWN_PASSWORD": f"{PASSWORD}-2",
    }
    private.forget()

    refused = private.run("build", "-v")
    assert (refused.returncode, "HTTP 401" in refused.stderr) == (10, True)
    refused = private.run("lock", "-v", "--upgrade")
    assert (refused.returncode, "401 Unauthorized" in refused.stderr) == (4, True)
    private.index.projects["base"].clear()
    private.write(url=url.replace("127.0.0.1", "127.0.0.2"))
    assert private.run("lock", "-v", "--upgrade").returncode == 4

    assert not any(secret in text for secret in (USER, PASSWORD) for text in private.said)
