"""Which names and link targets a blob may hold; the same rules for packing and unpacking."""

from __future__ import annotations

_SPECIAL = frozenset(("", ".", ".."))


def name_fault(name: str) -> str | None:
    """Return why ``name`` cannot be the path of an entry in a blob, None if it can.

    ``name`` is relative, separated by ``/``, without the trailing ``/`` of a folder.
    """
    if name.startswith("/"):
        return "the name is absolute"
    if "\0" in name:
        return "the name holds a NUL character"
    parts = name.split("/")
    if ".." in parts:
        return "the name holds a .. component"
    if not _SPECIAL.isdisjoint(parts):
        return "the name holds an empty or . component"
    return None


def is_plain_name(name: object) -> bool:
    """Whether ``name``, which a document gave, is that of one file or folder, and leads nowhere."""
    return isinstance(name, str) and "/" not in name and name_fault(name) is None


def symlink_fault(name: str, target: str) -> str | None:
    """Return why the symbolic link ``name`` must not point to ``target``, None if it may.

    A link may reach its own layer and the layers that lie beside it, never the folder that holds
    them all or what is above. Components ``..`` are taken only at the start of the target: behind
    a component that may itself be a link, what ``..`` means cannot be told from the text.
    """
    if not target:
        return "the target is empty"
    if target.startswith("/"):
        return "the target is absolute"
    if "\0" in target:
        return "the target holds a NUL character"
    parts = [part for part in target.split("/") if part not in {"", "."}]
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    if ".." in parts[ups:]:
        return "the target holds a .. component behind another component"
    depth = name.count("/")
    if ups > depth:
        return "the target lies above the folder that holds the layers"
    if ups == depth and ups == len(parts):
        return "the target is the folder that holds the layers"
    return None
