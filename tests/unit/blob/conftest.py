from __future__ import annotations

import hashlib
import io
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ocistacks.blob.pack import pack_tree

if TYPE_CHECKING:
    from pathlib import Path


def words(count: int) -> bytes:
    """Text whose compression depends on all that a compressor does: ``count`` words of 4000."""
    vocabulary = [
        hashlib.sha256(bytes([n >> 8, n & 255])).digest()[: 3 + n % 29] for n in range(4000)
    ]
    choices = memoryview(hashlib.shake_256(b"words").digest(4 * count)).cast("I")
    return b"".join(vocabulary[choice % 4000] for choice in choices)


BIG = words(290_000)


def make_sample(tree: Path) -> Path:
    """Every kind of entry that a layer tree holds: 12 entries with the top folder."""
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "python").symlink_to("../../cpython-3.13/bin/python3.13")
    (tree / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (tree / "bin" / "run").chmod(0o755)
    (tree / "lib").mkdir()
    (tree / "lib" / "big.so").write_bytes(BIG)
    (tree / "lib" / "empty").touch()
    (tree / "lib" / "empty folder").mkdir()
    (tree / "lib" / "naïve.py").write_text("x = 1\n")
    (tree / "lib" / ("long" * 60)).write_text("long\n")
    (tree / "lib.py").write_text("before lib/ in other orders\n")
    (tree / "zeros").write_bytes(bytes(512))
    return tree


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path / "sample")


@pytest.fixture
def pack():
    """Pack into memory; gives the blob and its bytes."""

    def pack_into_memory(tree, target="app", **options):
        output = io.BytesIO()
        blob = pack_tree(tree, target, output, **options)
        return blob, output.getvalue()

    return pack_into_memory


@pytest.fixture
def destination(tmp_path):
    folder = tmp_path / "destination"
    folder.mkdir()
    return folder


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def folder(name, **fields):
    return member(name, type=tarfile.DIRTYPE, mode=fields.pop("mode", 0o755), **fields)


def link(name, target, kind=tarfile.SYMTYPE):
    return member(name, type=kind, linkname=target)


def archive(*members, tar_format=tarfile.PAX_FORMAT, **options) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tar_format, **options) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return output.getvalue()


def renew_checksum(tar: bytearray, at: int) -> None:
    tar[at + 148 : at + 156] = b" " * 8
    tar[at + 148 : at + 156] = b"%06o\0 " % sum(tar[at : at + 512])


def patched(offset: int, value: bytes, *, valid: bool = True) -> bytes:
    """An archive whose second header has other bytes at an offset."""
    tar = bytearray(archive(folder("app"), member("app/x", b"12345")))
    tar[512 + offset : 512 + offset + len(value)] = value
    if valid:
        renew_checksum(tar, 512)
    return bytes(tar)


@pytest.fixture
def archives():
    """Makes archives that hold whatever a test says."""
    return SimpleNamespace(
        APP=folder("app"),
        archive=archive,
        folder=folder,
        link=link,
        member=member,
        patched=patched,
        renew_checksum=renew_checksum,
    )
