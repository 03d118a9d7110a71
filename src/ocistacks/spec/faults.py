"""Faults of a specification, gathered before they are told, each with its TOML key path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.errors import SpecError
from ocistacks.spec.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MOST_SHOWN = 50
_LONGEST_SHOWN = 200
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong.

    ``problem`` completes "KEY PATH: ..."; ``layer`` is the name of the layer it is about;
    ``nearest`` is the right name that was most likely meant; ``hint`` any other advice.
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
        if self.layer is not None:
            lines.append(f"  layer: {self.layer}")
        if self.found is not None:
            lines.append(f"  found: {self.found}")
        if self.allowed is not None:
            lines.append(f"  allowed: {self.allowed}")
        if self.nearest is not None:
            lines.append(f"  did you mean {self.nearest!r}?")
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def unknown_name(
    path: KeyPath, what: str, found: str, allowed: Iterable[str], *, layer: str | None = None
) -> Fault:
    """Return the fault of a name that is none of ``allowed``; ``what`` it was meant to be."""
    names = tuple(allowed)
    return Fault(
        path=path,
        problem=f"unknown {what}",
        layer=layer,
        found=shown(found),
        allowed=", ".join(names) or f"none: there is no {what}",
        nearest=nearest(found, names),
    )


def shown(value: object) -> str:
    """Return a value as it is shown to the user, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def key_path_text(path: KeyPath) -> str:
    """Return a key path as TOML users write it: `frameworks[0].requirements[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{key}" if text else key
    return text


def refusal(file: Path, faults: Sequence[Fault]) -> SpecError:
    """Return the error that tells all ``faults`` of ``file``, as gathered."""
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"{file.name} has {count}."]
    lines += [_indented(str(fault)) for fault in faults[:MOST_SHOWN]]
    if len(faults) > MOST_SHOWN:
        lines.append(f"  and {len(faults) - MOST_SHOWN} more")
    return SpecError("\n".join(lines), where=str(file))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
