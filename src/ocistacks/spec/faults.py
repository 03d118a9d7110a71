"""Faults of a specification, gathered before they are told, each with its TOML key path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocistacks.errors import SpecError
from ocistacks.spec.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_SHOWN = 50
_LONGEST_SHOWN = 200
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_USER_IN_URL = re.compile(r"(?<=//)[^\s/@'\"]+@|[^\s/@:'\"]+:[^\s/@'\"]+@(?=[^\s@'\"]+/)")

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong.

    ``problem`` completes "KEY PATH: ..."; ``layer`` is the environment name of the layer it is
    about; ``nearest`` is the right name that was most likely meant; ``hint`` is other advice.
    """

    path: KeyPath
    problem: str
    layer: str | None = None
    found: str | None = None
    allowed: str | None = None
    nearest: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        lines = [f"{key_path_text(self.path)}: {self.problem}" if self.path else self.problem]
        parts = (
            ("layer", self.layer),
            ("found", self.found),
            ("allowed", self.allowed),
            ("hint", self.hint),
        )
        lines += [f"  {label}: {text}" for label, text in parts if text is not None]
        if self.nearest is not None:
            lines.append(f"  did you mean {self.nearest!r}?")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a reading finds on its way: faults, which refuse the file, and warnings."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Gather a fault, once where the variants of a layer have it in common."""
        same = (fault.path, fault.problem, fault.found)
        if all(same != (other.path, other.problem, other.found) for other in self.faults):
            self.faults.append(fault)

    def warn(self, path: KeyPath, sentence: str) -> None:
        """Gather a warning about the value at ``path``, once for the variants of a layer."""
        warning = f"{key_path_text(path)}: {sentence}"
        if warning not in self.warnings:
            self.warnings.append(warning)

    def refuse(self, file: Path) -> None:
        """Raise SpecError with all faults, in the order they were gathered; return if none."""
        if not self.faults:
            return
        count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"{file.name} has {count}."]
        for fault in self.faults[:MOST_SHOWN]:
            lines += [f"  {line}" for line in str(fault).splitlines()]
        if len(self.faults) > MOST_SHOWN:
            lines.append(f"  and {len(self.faults) - MOST_SHOWN} more")
        raise SpecError("\n".join(lines), where=str(file))


def unknown_name(
    path: KeyPath, what: str, found: str, allowed: Iterable[str], *, layer: str | None = None
) -> Fault:
    """Return the fault of a name that is none of ``allowed``; ``what`` is what it should name."""
    names = tuple(allowed)
    return Fault(
        path=path,
        problem=f"unknown {what}",
        layer=layer,
        found=shown(found),
        allowed=", ".join(names) or f"none: no {what} is declared",
        nearest=nearest(found, names),
    )


def shown(value: object) -> str:
    """Return a value as the user is shown it: cut where it is long, never with credentials."""
    if isinstance(value, bool):
        return str(value).lower()
    text = _USER_IN_URL.sub("***@", repr(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def key_path_text(path: KeyPath) -> str:
    """Return a key path as TOML writes it: `frameworks[0].requirements[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{key}" if text else key
    return text
