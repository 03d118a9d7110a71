"""Glob patterns that are matched to the end of a path, as venvstacks' `dynlib_exclude` has them.

The language is that of Python's `glob.translate` with `recursive` and `include_hidden`: `*`, `?`
and `[...]` match within the name of a folder or file, a name `**` matches any number of folders,
and at a pattern's end any number of folders and a name.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANY_FOLDERS = "**"


def matches_end(path: str, pattern: str) -> bool:
    """Whether ``pattern`` describes ``path`` from some folder on, or its last name alone."""
    wanted: list[str] = [_ANY_FOLDERS]
    for part in pattern.split("/"):
        # Two of them mean no more than one, and would only cost time.
        if (wanted[-1], part) != (_ANY_FOLDERS, _ANY_FOLDERS):
            wanted.append(part)
    if wanted[-1] == _ANY_FOLDERS:
        wanted.append("*")
    return _matches(path.split("/"), wanted)


def _matches(names: Sequence[str], wanted: Sequence[str]) -> bool:
    # reached holds the numbers of parts of the pattern that may describe the names so far.
    reached = {0}
    for name in names:
        following: set[int] = set()
        for count in _without_folders(reached, wanted):
            if count == len(wanted):
                continue
            if wanted[count] == _ANY_FOLDERS:
                following.add(count)
            elif fnmatchcase(name, wanted[count]):
                following.add(count + 1)
        reached = following
    return len(wanted) in reached


def _without_folders(reached: set[int], wanted: Sequence[str]) -> set[int]:
    skipped = {
        count + 1 for count in reached if count < len(wanted) and wanted[count] == _ANY_FOLDERS
    }
    return reached | skipped
