"""What was installed, held to the wheels' own RECORDs.

The installer has unpacked the wheels, so that their files need not be unpacked once more to be
checked: what counts is what lies in the tree.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.tree.wheel_files import content_fault, disagreement, is_special

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ocistacks.request.model import WheelInput
    from ocistacks.tree.wheel_files import WheelTargets


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    wheel: int
    name: str
    row_hash: str


def verify_installed(
    site_packages: Path,
    wheels: Sequence[WheelInput],
    contents: Sequence[WheelTargets],
    *,
    prefix: str,
    jobs: int,
) -> None:
    """Check the files in ``site_packages`` that ``list_wheels`` has left to be checked.

    ``contents`` is what it returned for ``wheels``, and ``prefix`` the folder's path there. Of two
    wheels with the same file the later one's was installed last.

    Raises:
        BuildError: a file is not what a wheel's RECORD says, or is missing.
    """
    files = list({each.name: each for each in _expected(contents, prefix)}.values())

    def faults(part: list[_Expected]) -> list[tuple[int, str]]:
        found = ((each.wheel, each.name, _fault(f"{site_packages}/", each)) for each in part)
        return [(wheel, f"{name}: {fault}") for wheel, name, fault in found if fault is not None]

    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(faults, (files[start::jobs] for start in range(jobs)))
        found = [fault for part in parts for fault in part]
    if found:
        wheel = min(wheel for wheel, _ in found)
        raise disagreement(
            wheels[wheel].filename,
            _record(contents[wheel], prefix),
            sorted(fault for of, fault in found if of == wheel),
        )


def _expected(contents: Sequence[WheelTargets], prefix: str) -> Iterator[_Expected]:
    for wheel, targets in enumerate(contents):
        for path, row_hash in targets.items():
            name = path.removeprefix(f"{prefix}/")
            # Bytecode that comes with wheels is removed.
            if name != path and not is_special(name) and "__pycache__" not in name.split("/"):
                yield _Expected(wheel=wheel, name=name, row_hash=row_hash)


def _fault(folder: str, expected: _Expected) -> str | None:
    try:
        # As text and without a buffer: a third of the time that Path.open takes.
        with open(folder + expected.name, "rb", buffering=0) as stream:  # noqa: PTH123
            return content_fault(stream, expected.row_hash)
    except FileNotFoundError:
        return "it was not installed"


def _record(targets: WheelTargets, prefix: str) -> str:
    folders = (path.removeprefix(f"{prefix}/").partition("/")[0] for path in targets)
    return next(f"{folder}/RECORD" for folder in folders if folder.endswith(".dist-info"))
