"""Layer kinds, layer names, and the nearest right name for a wrong one."""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NAME_BYTES = 150
"""A folder name holds 255 bytes; prefix, platform, lock version and suffixes need the rest."""

_REFUSED_CHARACTERS = re.compile(r"[/\\\x00-\x1f\x7f]")


class LayerKind(StrEnum):
    """What a layer is for."""

    RUNTIME = "runtime"
    FRAMEWORK = "framework"
    APPLICATION = "application"

    @property
    def plural(self) -> str:
        """The name of the array of tables that declares such layers."""
        return f"{self.value}s"

    @property
    def prefix(self) -> str:
        """What stands before a layer's name in its environment name."""
        return {"runtime": "", "framework": "framework-", "application": "app-"}[self.value]

    def environment_name(self, name: str) -> str:
        """Return the environment name of the layer of this kind that is called ``name``."""
        return f"{self.prefix}{name}"


def name_problem(name: str) -> str | None:
    """Return why ``name`` cannot name a layer, or None where it can.

    A layer's name becomes a folder's name, a part of file names and of tool arguments.
    """
    if not name.strip():
        return "is empty"
    if _REFUSED_CHARACTERS.search(name):
        return "holds a slash, a backslash or a control character"
    if name[0] in ".-" or name != name.strip():
        return "starts with a dot, a dash or a space, or ends with a space"
    if len(name.encode(errors="replace")) > LONGEST_NAME_BYTES:
        return f"is longer than {LONGEST_NAME_BYTES} bytes"
    return None


def nearest(found: str, allowed: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the allowed name that ``found`` was most likely meant to be, None if none is near.

    ``cutoff`` is the least similarity, from 0 to 1, of difflib's ratio.
    """
    by_folded = {name.casefold(): name for name in allowed}
    folded = found.casefold()
    for kind in LayerKind:
        for other in (folded.removeprefix(kind.prefix), f"{kind.prefix}{folded}"):
            if other in by_folded:
                return by_folded[other]
    matches = get_close_matches(folded, by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None
