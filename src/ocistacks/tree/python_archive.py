"""Unpacking a Python archive: a tar, compressed with zstd or gzip, with the one folder python/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.unpack import unpack_blob
from ocistacks.errors import BuildError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP_FOLDER = "python"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_LARGEST_UNPACKED_BYTES = 4 << 30


def unpack_python(archive: Path, target: Path, *, interpreter: str) -> None:
    """Unpack a Python archive so that its ``python/`` becomes the new folder ``target``.

    ``interpreter`` is the path in it by which Pythons of the wanted version are told from others.

    Raises:
        BuildError: it holds another Python.
        UnsafeContentError: it is no such tar, it holds anything outside that folder, or what must
            not be unpacked (links that leave it, devices).
    """
    unpacked = target.with_name(f"{target.name}.unpacking")
    unpacked.mkdir()
    with archive.open("rb") as stream:
        is_gzip = stream.read(2) == _GZIP_MAGIC
    found = unpack_blob(
        _chunks(archive),
        unpacked,
        media_type=MEDIA_TYPE_TAR_GZIP if is_gzip else MEDIA_TYPE_TAR_ZSTD,
        maximum_size=_LARGEST_UNPACKED_BYTES,
    )
    if found.install_target != TOP_FOLDER:
        raise UnsafeContentError(
            "The Python archive is laid out in another way than expected.",
            where=archive.name,
            found=f"the folder {found.install_target}",
            expected="the one folder python/, as python-build-standalone's install_only archives",
        )
    top = unpacked / TOP_FOLDER
    if not (top / interpreter).is_file():
        others = sorted(path.name for path in (*top.glob("bin/python*"), *top.glob("*.exe")))
        raise BuildError(
            "A Python archive does not hold the Python that is wanted.",
            where=archive.name,
            found=", ".join(others[:5]) or "no interpreter",
            expected=interpreter,
            hint="see whether python_sources and python_implementation tell the archive's version",
        )
    top.rename(target)
    unpacked.rmdir()


def _chunks(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
