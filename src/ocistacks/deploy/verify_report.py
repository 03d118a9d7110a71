"""What `verify` looks at, and what it found: all faults, not the first one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from ocistacks.errors import (
    AuthError,
    DigestError,
    NotFoundError,
    OcistacksError,
    UnsafeContentError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Result = TypeVar("_Result")


class Check(StrEnum):
    """One thing that is looked at, of a layer or of an image."""

    MANIFEST = "manifest"
    CONFIGURATION = "config"
    BLOB = "blob"
    CONTENTS = "contents"
    PROVENANCE = "provenance"
    SBOM = "sbom"
    REBUILD = "rebuild"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The checks of one object: which were done, and the faults of each."""

    name: str
    platform: str
    faults: dict[Check, list[OcistacksError]] = field(default_factory=dict)

    def run(self, check: Check, action: Callable[[], _Result]) -> _Result | None:
        """Do a check and return what it gives; None for a fault that it raises, which is kept.

        Raises:
            AuthError: nobody can look, which says nothing of the object.
        """
        faults = self.faults.setdefault(check, [])
        try:
            return action()
        except AuthError:
            raise
        except OcistacksError as error:
            faults.append(error)
            return None

    def add(self, check: Check, fault: OcistacksError) -> None:
        """Keep a fault of a check that goes on."""
        self.faults.setdefault(check, []).append(fault)

    def outcome(self, check: Check) -> str:
        """Return the check's outcome in one word."""
        if check not in self.faults:
            return "-"
        faults = self.faults[check]
        if not faults:
            return "ok"
        return "missing" if all(isinstance(each, NotFoundError) for each in faults) else "wrong"


def failure(reports: Sequence[Report], *, where: str) -> OcistacksError | None:
    """Return one error that tells all faults, None where there are none.

    Its class is that of the gravest: bytes that are not those promised come first, then what should
    not be there at all.
    """
    faults = [
        (report, check, fault)
        for report in reports
        for check, faults in report.faults.items()
        for fault in faults
    ]
    if not faults:
        return None
    kinds: list[type[OcistacksError]] = [DigestError, UnsafeContentError]
    gravest = next(
        (kind for kind in kinds if any(isinstance(fault, kind) for _, _, fault in faults)),
        type(faults[0][2]),
    )
    count = f"{len(faults)} checks fail" if len(faults) > 1 else "1 check fails"
    lines = [f"{count} of {where}."]
    for report, check, fault in faults:
        told = str(fault).replace("\n", "\n  ")
        lines.append(f"{report.name} ({report.platform}), {check}: {told}")
    return gravest("\n".join(lines))
