"""The launch and support modules of an application: where they are and what they are called."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.spec.faults import Fault, Findings, KeyPath, shown
from ocistacks.spec.names import nearest
from ocistacks.spec.tables import ApplicationTable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ocistacks.spec.entries import Entry

    ListFolder = Callable[[Path], Collection[str]]


# Higher than for other names: all files have their suffix in common.
_NEAR_FILE = 0.75


def module_path(folder: Path, text: str) -> Path:
    """Return the absolute path of a module that is written as ``text`` in a file in ``folder``.

    `..` is taken away from the text alone, links are not followed, as venvstacks does.
    """
    return Path(os.path.normpath(folder / text))


def support_module_order(table: ApplicationTable) -> tuple[str, ...]:
    """Return the support modules as written, in the order in which all listings have them."""
    return tuple(sorted(table.support_modules))


def check_module_names(entry: Entry, folder: Path, findings: Findings) -> None:
    """Gather a fault for each module whose import name another module of the layer has."""
    table = _application(entry)
    taken: dict[str, str] = {}
    if "launch_module" not in entry.faulty:
        taken[module_path(folder, table.launch_module).stem] = table.launch_module
    for position, text in enumerate(table.support_modules):
        name = module_path(folder, text).stem
        if name in taken:
            of_launch = taken[name] == table.launch_module and "launch_module" not in entry.faulty
            other = "the launch module" if of_launch else "another support module"
            findings.add(
                Fault(
                    path=entry.place.at("support_modules", position),
                    problem=f"the import name {name!r} conflicts with that of {other}",
                    layer=entry.environment_name,
                    found=f"{shown(text)} and {shown(taken[name])}",
                    allowed="modules with different names",
                )
            )
        taken.setdefault(name, text)


def check_modules_exist(
    entry: Entry, folder: Path, list_folder: ListFolder, findings: Findings
) -> None:
    """Gather a fault for each module that is not there."""
    table = _application(entry)
    wanted: list[tuple[KeyPath, str, str]] = []
    if "launch_module" not in entry.faulty:
        wanted.append((entry.place.at("launch_module"), "launch module", table.launch_module))
    wanted += [
        (entry.place.at("support_modules", position), "support module", text)
        for position, text in enumerate(table.support_modules)
    ]
    for path, what, text in wanted:
        target = module_path(folder, text)
        siblings = list_folder(target.parent)
        if target.name in siblings:
            continue
        near = nearest(target.name, siblings, cutoff=_NEAR_FILE)
        findings.add(
            Fault(
                path=path,
                problem=f"the {what} does not exist",
                layer=entry.environment_name,
                found=shown(text),
                allowed="a .py file or package folder, its path from the stack's folder",
                nearest=(Path(text).parent / near).as_posix() if near else None,
            )
        )


def _application(entry: Entry) -> ApplicationTable:
    if not isinstance(entry.table, ApplicationTable):
        raise TypeError(type(entry.table).__name__)
    return entry.table
