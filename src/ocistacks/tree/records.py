"""RECORD, the list of what a wheel installed (PyPA "Recording installed projects").

Rows are checked against the files, put in order, and cleared of what only the machine knew.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

# Written by the installer about the machine and the moment it ran on.
_LEFT_OUT = ("uv_cache.json", "direct_url.json", "uv_build.json")


def settle_records(site_packages: Path, scripts: Path, *, used_minor: str) -> None:
    """Make every RECORD below ``site_packages`` true and stable.

    Files in the folder ``scripts`` may have been rewritten since they were installed: their rows
    are brought up to date. Any other file must match its row. ``used_minor`` is the version of the
    interpreter that laid out the wheels, which shows in the paths of headers.

    Raises:
        BuildError: a wheel's RECORD disagrees with the wheel's own files.
    """
    records = sorted(site_packages.glob("*.dist-info/RECORD"))
    with ThreadPoolExecutor() as pool:
        for record, text in zip(
            records,
            pool.map(lambda record: _settled(record, site_packages, scripts, used_minor), records),
            strict=True,
        ):
            record.write_text(text, encoding="utf-8", newline="\n")


def _settled(record: Path, site_packages: Path, scripts: Path, used_minor: str) -> str:
    rows = []
    used_headers = f"../../../include/site/python{used_minor}/"
    headers = f"../../../include/site/{site_packages.parent.name}/"
    with record.open(encoding="utf-8", newline="") as stream:
        for written, row_hash, size in csv.reader(stream):
            name = written.replace(used_headers, headers)
            path = (site_packages / name).resolve()
            if path.parent == record.parent.resolve() and path.name in _LEFT_OUT:
                path.unlink(missing_ok=True)
                continue
            if row_hash and path.parent == scripts.resolve():
                rows.append((name, *_hash_and_size(path)))
                continue
            if row_hash.startswith("sha256="):
                _check(record, name, path, row_hash)
            rows.append((name, row_hash, size))
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(sorted(rows))
    return output.getvalue()


def _check(record: Path, name: str, path: Path, row_hash: str) -> None:
    found = _hash_and_size(path)[0] if path.is_file() else "no such file"
    if found != row_hash:
        raise BuildError(
            "A wheel's own list of files disagrees with its files.",
            where=f"{record.parent.name}: {name}",
            found=found,
            expected=row_hash,
            hint="the wheel was changed after it was made; lock another version or index",
        )


def _hash_and_size(path: Path) -> tuple[str, str]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"sha256={text}", str(path.stat().st_size)
