"""Unpacking a Python archive: a tar, compressed in any usual way, with the one folder python/."""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING, cast

import zstandard

from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from pathlib import Path

TOP_FOLDER = "python"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def unpack_python(archive: Path, target: Path) -> None:
    """Unpack a Python archive so that its ``python/`` becomes the new folder ``target``.

    Raises:
        UnsafeContentError: it is no tar, it holds anything outside that folder, or what must
            not be unpacked (links that leave it, devices).
    """
    unpacked = target.with_name(f"{target.name}.unpacking")
    unpacked.mkdir()
    try:
        with archive.open("rb") as stream, _open_tar(stream) as members:
            members.extractall(unpacked, filter="data")
    except (tarfile.TarError, zstandard.ZstdError, EOFError, OSError) as error:
        raise UnsafeContentError(
            "The Python archive cannot be unpacked.",
            where=archive.name,
            found=str(error),
            expected="a tar file with the one folder python/",
        ) from error
    names = sorted(entry.name for entry in unpacked.iterdir())
    if names != [TOP_FOLDER]:
        raise UnsafeContentError(
            "The Python archive is laid out in another way than expected.",
            where=archive.name,
            found=", ".join(names[:5]) or "nothing",
            expected="the one folder python/, as python-build-standalone's install_only archives",
        )
    (unpacked / TOP_FOLDER).rename(target)
    unpacked.rmdir()


def _open_tar(stream: IO[bytes]) -> tarfile.TarFile:
    is_zstd = stream.read(4) == _ZSTD_MAGIC
    stream.seek(0)
    if not is_zstd:
        return tarfile.open(fileobj=stream, mode="r|*")
    reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|")
