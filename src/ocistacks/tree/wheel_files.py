"""What a wheel would put where, checked against the wheel's own RECORD before it is installed.

The PyPA specification "Binary distribution format" has an installer fail if a file of the archive
is not both named and correctly hashed in RECORD. uv fills such gaps in silence, hence this check.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from packaging.utils import canonicalize_name

from ocistacks.errors import BuildError
from ocistacks.tree.entry_points import declared_scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from io import FileIO
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.request.model import WheelInput
    from ocistacks.tree.layout import TreeLayout

_HASHES = {"sha256", "sha384", "sha512"}
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_CHUNK_BYTES = 1 << 20
_TOLD_FAULTS = 5

WheelTargets = dict[str, str]
"""What a wheel installs: path below the tree -> something that differs where contents differ."""


def check_wheels(
    wheels: Sequence[WheelInput],
    *,
    material: Callable[[Digest], Path],
    layout: TreeLayout,
    jobs: int,
) -> tuple[WheelTargets, ...]:
    """Check each wheel against its RECORD and return what each of them would install.

    Raises:
        BuildError: a wheel is no archive, or its RECORD disagrees with its files.
    """

    def check(wheel: WheelInput) -> WheelTargets:
        return _checked(material(wheel.digest), wheel.filename, layout, is_hashed=_always)

    with ThreadPoolExecutor(jobs) as pool:
        return tuple(pool.map(check, wheels))


def list_wheels(
    wheels: Sequence[WheelInput], *, material: Callable[[Digest], Path], layout: TreeLayout
) -> tuple[WheelTargets, ...]:
    """Do as ``check_wheels``, but leave the content of most files to ``verify_installed``.

    To unpack them is most of the work, and the installer does it anyway.

    Raises:
        BuildError: as ``check_wheels``.
    """
    return tuple(
        _checked(material(wheel.digest), wheel.filename, layout, is_hashed=is_special)
        for wheel in wheels
    )


def is_special(name: str) -> bool:
    """Whether an installer may rewrite or rename the file ``name`` of a wheel."""
    return name.partition("/")[0].endswith((".dist-info", ".data"))


def _always(_name: str) -> bool:
    return True


def in_batches(targets: Sequence[Mapping[str, str]]) -> tuple[tuple[int, ...], ...]:
    """Return the indexes of wheels in batches to install one after the other.

    Wheels that put different contents in the same place are in different batches, a later wheel
    in a later batch: so the later one wins, however many wheels of a batch are installed at once.
    """
    batches: list[list[int]] = []
    seen: dict[str, list[tuple[str, int]]] = {}
    for index, wheel in enumerate(targets):
        batch = max(
            (
                earlier + 1
                for path, content in wheel.items()
                for other, earlier in seen.get(path, ())
                if other != content
            ),
            default=0,
        )
        for path, content in wheel.items():
            seen.setdefault(path, []).append((content, batch))
        if batch == len(batches):
            batches.append([])
        batches[batch].append(index)
    return tuple(map(tuple, batches))


def _checked(
    path: Path, filename: str, layout: TreeLayout, *, is_hashed: Callable[[str], bool]
) -> WheelTargets:
    try:
        with zipfile.ZipFile(path) as archive:
            return _checked_archive(archive, filename, layout, is_hashed)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as error:
        raise BuildError(
            "A wheel cannot be read.",
            where=filename,
            found=str(error) or type(error).__name__,
            expected="a zip archive",
            hint="lock another version of the package, or another index",
        ) from error


def _checked_archive(
    archive: zipfile.ZipFile, filename: str, layout: TreeLayout, is_hashed: Callable[[str], bool]
) -> WheelTargets:
    members = [member for member in archive.infolist() if not member.is_dir()]
    record = _record_name(members, filename)
    hashes = _hashes(archive.read(record))
    faults: list[str] = []
    targets: WheelTargets = {}
    for member in members:
        name = member.filename
        if name in targets:
            faults.append(f"{name}: twice in the archive")
        if name != record and not name.endswith(_SIGNATURES):
            fault = _row_fault(hashes.get(name, ""))
            if fault is None and is_hashed(name):
                with archive.open(member) as stream:
                    fault = content_fault(stream, hashes[name])
            if fault is not None:
                faults.append(f"{name}: {fault}")
            targets[name] = hashes.get(name, "")
    if faults:
        raise disagreement(filename, record, faults)
    folder = PurePosixPath(record).parent
    return {
        **{_target(name, layout): content for name, content in targets.items()},
        **{
            f"{layout.scripts}/{name}{layout.script_suffix}": value
            for name, value in declared_scripts(archive, str(folder))
        },
    }


def _record_name(members: Sequence[zipfile.ZipInfo], filename: str) -> str:
    names = [
        member.filename
        for member in members
        if PurePosixPath(member.filename).match("*.dist-info/RECORD")
        and member.filename.count("/") == 1
    ]
    if len(names) != 1:
        raise BuildError(
            "A wheel has no list of its files.",
            where=filename,
            found=", ".join(names) or "no RECORD",
            expected="one *.dist-info/RECORD",
            hint="lock another version of the package, or another index",
        )
    return names[0]


def _hashes(record: bytes) -> dict[str, str]:
    rows = csv.reader(io.StringIO(record.decode(), newline=""))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def disagreement(filename: str, record: str, faults: Sequence[str]) -> BuildError:
    """Return the error for a wheel whose files are not what ``record`` says of them."""
    more = [f"and {len(faults) - _TOLD_FAULTS} more"] if len(faults) > _TOLD_FAULTS else []
    return BuildError(
        "A wheel's own list of files disagrees with its files.",
        where=f"{filename}, {record}",
        found="\n    ".join([*faults[:_TOLD_FAULTS], *more]),
        expected="each file once, with the hash that RECORD has for it",
        hint="the wheel was changed after it was made; lock another version, or another index",
    )


def _row_fault(row_hash: str) -> str | None:
    if not row_hash:
        return "RECORD has no hash for it"
    algorithm = row_hash.partition("=")[0]
    if algorithm not in _HASHES:
        return f"RECORD has a {algorithm} hash for it, which proves nothing"
    return None


def content_fault(stream: IO[bytes] | FileIO, row_hash: str) -> str | None:
    """Return how a file's content differs from the hash in its row of RECORD, None if not."""
    algorithm, _, value = row_hash.partition("=")
    hasher = hashlib.new(algorithm)
    while chunk := stream.read(_CHUNK_BYTES):
        hasher.update(chunk)
    found = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
    return None if found == value.rstrip("=") else f"{algorithm}={found}, not {row_hash}"


def _target(name: str, layout: TreeLayout) -> str:
    """Return where a wheel's file goes, relative to the tree (the ``*.data`` folders' rules)."""
    top, _, below = name.partition("/")
    scheme, _, rest = below.partition("/")
    if not top.endswith(".data") or not rest:
        return f"{layout.site_packages}/{name}"
    folders = {
        "data": "",
        "headers": f"{layout.headers}/{canonicalize_name(top.split('-')[0])}/",
        "scripts": f"{layout.scripts}/",
    }
    return folders.get(scheme, f"{layout.site_packages}/") + rest
