"""Unpacking an sdist into a folder that its build works in; this happens in isolation only."""

from __future__ import annotations

import lzma
import os
import subprocess
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from ocistacks.errors import BuildError, UnsafeContentError

LARGEST_UNPACKED_BYTES: Final = 4 << 30
MAXIMUM_ENTRIES: Final = 500_000


def unpack_sdist(archive: Path, filename: str, target: Path) -> Path:
    """Unpack an sdist, a compressed tar, into the new folder ``target``; return its one folder.

    Raises:
        BuildError: it is no tar.
        UnsafeContentError: it holds more than one folder, or more than is unpacked.
    """
    top = _checked_top(archive, filename)
    target.mkdir()
    finished = subprocess.run(
        [
            *("tar", "--extract", f"--file={archive.absolute()}", f"--directory={target}"),
            *("--no-same-owner", "--no-same-permissions", "--force-local"),
        ],
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise _unreadable(filename, finished.stderr.strip())
    return target / top


def _checked_top(archive: Path, filename: str) -> str:
    tops: set[str] = set()
    size = entries = 0
    try:
        with tarfile.open(archive, mode="r|*") as members:
            for member in members:
                size += member.size
                entries += 1
                if size > LARGEST_UNPACKED_BYTES or entries > MAXIMUM_ENTRIES:
                    raise _refused(
                        filename, f"more than {LARGEST_UNPACKED_BYTES} bytes or {entries - 1} files"
                    )
                parts = PurePosixPath(member.name).parts
                if not parts or parts[0] in {"/", ".."} or ".." in parts:
                    raise _refused(filename, f"the name {member.name!r}")
                tops.add(parts[0])
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise _unreadable(filename, str(error)) from error
    if len(tops) != 1:
        raise _refused(filename, f"the top folders {', '.join(sorted(tops)[:5]) or '(none)'}")
    return tops.pop()


def _unreadable(filename: str, found: str) -> BuildError:
    return BuildError(
        "An sdist cannot be unpacked.",
        where=filename,
        found=found,
        expected="a .tar.gz file (PEP 625)",
        hint="take a version of the package whose sdist is one",
    )


def _refused(filename: str, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "An sdist holds what no sdist holds.",
        where=filename,
        found=found,
        expected="one folder with everything in it",
    )
