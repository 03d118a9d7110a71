"""This machine's interpreter and packages, as they are seen at other places.

What compiles Python must run this package, but may not see where it lies: a prefix such as
/usr/local would bring its headers and libraries before the toolchain's own. CPython finds its
standard library from its own location, so it runs at any place that its whole prefix is seen at.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from uv import find_uv_bin

import ocistacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX_PLACE: Final = "/ocistacks/python"
PACKAGES_PLACE: Final = "/ocistacks/packages"
USER_PLACE: Final = "/ocistacks/user"
"""What the interpreter takes for the user's own prefix: there it looks for uv (``find_uv_bin``)."""

_METADATA: Final = ("*.dist-info", "*.egg-info")


@dataclass(frozen=True, kw_only=True, slots=True)
class MovedInterpreter:
    """How an interpreter is called where ``folders`` (place: folder of this machine) are seen."""

    executable: str
    folders: Mapping[str, Path]
    environment: Mapping[str, str]


def this_interpreter() -> MovedInterpreter:
    """Return how the running interpreter is called with this package and what it depends on."""
    return moved_interpreter(
        prefix=Path(sys.base_prefix),
        name=f"python{sys.version_info.major}.{sys.version_info.minor}",
        package_folders=(
            Path(ocistacks.__file__).parent.parent,
            *distribution_folders(map(Path, sys.path)),
        ),
        tool_folder=Path(find_uv_bin()).parent,
    )


def moved_interpreter(
    *, prefix: Path, name: str, package_folders: Iterable[Path], tool_folder: Path
) -> MovedInterpreter:
    """Return how ``PREFIX/bin/NAME`` is called with ``package_folders`` on its path, in order.

    ``tool_folder`` is where uv lies.

    A virtual environment is not needed for that: its packages are one of the folders.
    """
    folders = {PREFIX_PLACE: prefix}
    places: list[str] = []
    for folder in dict.fromkeys(package_folders):
        if folder.is_relative_to(prefix):
            places.append(f"{PREFIX_PLACE}/{folder.relative_to(prefix)}")
        else:
            places.append(f"{PACKAGES_PLACE}/{len(folders)}")
            folders[places[-1]] = folder
    folders[f"{USER_PLACE}/bin"] = tool_folder
    return MovedInterpreter(
        executable=f"{PREFIX_PLACE}/bin/{name}",
        folders=folders,
        environment={
            # An interpreter with a shared libpython was linked to find it at its own prefix.
            "LD_LIBRARY_PATH": f"{PREFIX_PLACE}/lib",
            "PYTHONPATH": os.pathsep.join(places),
            "PYTHONUSERBASE": USER_PLACE,
        },
    )


def distribution_folders(entries: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of a module search path's entries in which distributions are installed."""
    return tuple(
        entry
        for entry in entries
        if entry.is_absolute()
        and entry.is_dir()
        and any(next(entry.glob(pattern), None) is not None for pattern in _METADATA)
    )
