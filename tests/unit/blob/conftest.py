from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from ocistacks.blob.pack import pack_tree

if TYPE_CHECKING:
    from pathlib import Path

BIG = b"".join(number.to_bytes(4, "big") for number in range(1_200_000))


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
