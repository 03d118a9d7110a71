"""Unpacking a CPython release tarball into a folder that make can work in."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ocistacks.digests import Digest
from ocistacks.errors import BuildError, DigestError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAXIMUM_SIZE: Final = 1 << 30
"""Bytes that a release may unpack to; 3.13.5 takes about a tenth of it."""

MAXIMUM_ENTRIES: Final = 50_000

_TOP_FOLDER: Final = re.compile(r"Python-(?P<version>(?P<minor>\d+\.\d+)\.\d+(?:(?:a|b|rc)\d+)?)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTree:
    """An unpacked release; ``epoch`` is the newest file's time in seconds since 1970."""

    folder: Path
    version: str
    minor: str
    epoch: int


def verify_tarball(tarball: Path, accepted: Sequence[Digest]) -> None:
    """Raise DigestError if ``tarball`` is none of the files that ``accepted`` promises."""
    found = Digest.of_file(tarball)
    if found not in accepted:
        raise DigestError(
            "The CPython release tarball is not the one that was asked for.",
            where=tarball.name,
            found=found,
            expected=" or ".join(accepted),
            hint="fetch it again, from another mirror",
        )


def unpack_release(tarball: Path, destination: Path) -> SourceTree:
    """Unpack a release's `.tar.xz` below the existing folder ``destination``.

    Only what a release is made of is taken: one top folder `Python-VERSION` with folders and
    regular files in it; anything else raises UnsafeContentError, as does more than MAXIMUM_SIZE
    bytes. A file that is no tar.xz raises BuildError. Times are kept, because make compares them;
    owners are not. (Not every Python that the builder image may hold has tarfile's own filters.)
    """
    tops: set[str] = set()
    size = entries = newest = 0
    try:
        with tarfile.open(tarball, mode="r|xz") as archive:
            for member in archive:
                size += member.size
                entries += 1
                if size > MAXIMUM_SIZE or entries > MAXIMUM_ENTRIES:
                    raise _refused(
                        tarball, f"more than {MAXIMUM_SIZE} bytes or {MAXIMUM_ENTRIES} files"
                    )
                tops.add(_checked_top(tarball, member))
                _write_member(archive, member, destination)
                newest = max(newest, int(member.mtime))
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise BuildError(
            "The CPython release tarball cannot be read.",
            where=tarball.name,
            found=str(error),
            expected="a whole .tar.xz file",
        ) from error
    return _source_tree(tarball, destination, tops, newest)


def _checked_top(tarball: Path, member: tarfile.TarInfo) -> str:
    parts = PurePosixPath(member.name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise _refused(tarball, f"the name {member.name!r}")
    if not (member.isfile() or member.isdir()):
        raise _refused(tarball, f"{member.name!r}, which is neither a file nor a folder")
    return parts[0]


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, destination: Path) -> None:
    path = destination / member.name
    if member.isdir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    content = archive.extractfile(member)
    if content is None:  # a link, and those were refused
        raise tarfile.ReadError(f"no content for {member.name}")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    os.utime(path, (member.mtime, member.mtime))


def _source_tree(tarball: Path, destination: Path, tops: set[str], newest: int) -> SourceTree:
    names = [_TOP_FOLDER.fullmatch(top) for top in sorted(tops)]
    if len(names) != 1 or names[0] is None:
        raise _refused(tarball, f"the top folders {', '.join(sorted(tops)[:5]) or '(none)'}")
    return SourceTree(
        folder=destination / names[0].group(),
        version=names[0]["version"],
        minor=names[0]["minor"],
        epoch=newest,
    )


def _refused(tarball: Path, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "The CPython release tarball holds what no release holds.",
        where=tarball.name,
        found=found,
        expected="one folder Python-VERSION with folders and regular files in it",
    )
