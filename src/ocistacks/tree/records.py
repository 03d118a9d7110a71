"""RECORD, the list of what a wheel installed (PyPA "Recording installed projects").

The wheels were checked before they were installed. Here each list is brought up to date with what
has changed since, put in order, and cleared of what only the machine knew.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from ocistacks.tree.layout import TreeLayout

# Written by the installer about the machine and the moment it ran on.
_LEFT_OUT = ("uv_cache.json", "direct_url.json", "uv_build.json")


def settle_records(
    tree: Path, layout: TreeLayout, *, used_minor: str, rewritten: Collection[Path] = ()
) -> None:
    """Make every RECORD in the packages' folder of ``tree`` true and stable.

    Scripts may have been rewritten since they were installed, and the files ``rewritten`` have:
    their rows are made anew. Rows of bytecode go, as the bytecode that came with wheels does.
    ``used_minor`` is the version of the interpreter that laid out the wheels, which shows in the
    paths of headers.

    Raises:
        BuildError: a list names a script that is not there.
    """
    site_packages = tree / layout.site_packages
    changed = {os.path.relpath(path, site_packages) for path in rewritten}
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        for name in _LEFT_OUT:
            (record.parent / name).unlink(missing_ok=True)
        output = io.StringIO()
        csv.writer(output, lineterminator="\n").writerows(
            sorted(_rows(record, layout, used_minor, changed))
        )
        record.write_text(output.getvalue(), encoding="utf-8", newline="\n")


def _rows(
    record: Path, layout: TreeLayout, used_minor: str, changed: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    site_packages = record.parent.parent
    up = "../" * (layout.site_packages.count("/") + 1)
    scripts = f"{up}{layout.scripts}/"
    headers = f"{up}{layout.headers}/"
    used_headers = f"{up}{PurePosixPath(layout.headers).with_name(f'python{used_minor}')}/"
    left_out = {f"{record.parent.name}/{name}" for name in _LEFT_OUT}
    with record.open(encoding="utf-8", newline="") as stream:
        for written, row_hash, size in csv.reader(stream):
            name = written.replace(used_headers, headers)
            if name in left_out or "__pycache__" in name.split("/"):
                continue
            if name.startswith(scripts) or name in changed:
                yield (name, *_hash_and_size(site_packages / name, record))
            else:
                yield (name, row_hash, size)


def _hash_and_size(path: Path, record: Path) -> tuple[str, str]:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except FileNotFoundError as error:
        raise BuildError(
            "A script that a wheel installs is missing.",
            where=f"{record.parent.name}: {path.parent.name}/{path.name}",
            hint="two packages of the layer may claim the same name; lock one of them only",
        ) from error
    text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"sha256={text}", str(path.stat().st_size)
