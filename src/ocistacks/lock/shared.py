"""Packages that a lower layer provides: how a lock marks them.

As in venvstacks 0.8 they stay in the upper layer's lock for people to see, with a marker that
is false everywhere, and without wheels, so that no installer ever takes them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.markers import Marker

if TYPE_CHECKING:
    from packaging.pylock import Package

_CLAUSE = "sys_platform == 'from_lower_layer'"
_SUFFIX = f" and {_CLAUSE}"


def as_shared(package: Package) -> Package:
    """Return the entry for a package that a lower layer provides."""
    marker = Marker(shared_marker_text(package.marker))
    return replace(package, marker=marker, wheels=None, index=None)


def shared_marker_text(own: Marker | None) -> str:
    """Return the marker of the entry for a shared package, in the form that venvstacks reads."""
    return f"({marker_text(own)}){_SUFFIX}" if own else _CLAUSE


def is_shared(package: Package) -> bool:
    """Whether the entry stands for a package of a lower layer."""
    return is_shared_marker(marker_text(package.marker))


def is_shared_marker(text: str) -> bool:
    """Whether a marker's text says that a lower layer has the package."""
    return _CLAUSE in text.replace('"', "'")


def own_marker(package: Package) -> Marker | None:
    """Return the package's marker without the clause that says it is shared."""
    text = marker_text(package.marker)
    if text == _CLAUSE:
        return None
    own = text.removesuffix(_SUFFIX)
    if own != text and own.startswith("(") and own.endswith(")") and _is_one_group(own):
        own = own[1:-1]
    return Marker(own) if own else None


def marker_text(marker: Marker | None) -> str:
    """Return a marker's normal form in single quotes, "" for none."""
    return str(marker).replace('"', "'") if marker else ""


def _is_one_group(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(text) - 1
    return False
