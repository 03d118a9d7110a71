"""Which folders the run path of a shared object lacks (ld.so(8), "$ORIGIN" and DT_RUNPATH).

A layer does not know what is in the layers below it, which are built on their own. What it knows is
what it has itself: a library that it lacks must come from below, and is looked for in the links of
each layer below, in their order. Folders are relative to the file, so that layers can lie anywhere.

The loader takes `$ORIGIN` for the folder by whose name it found a file, and does not follow a link
for that. So a library to which there is a link has two origins, and is to find its own from both.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.tree.elf import SharedObject

LINKS_FOLDER: Final = "share/venv/dynlib"
"""Where a layer offers its libraries to others, under their plain names (venvstacks 0.8)."""

PLATFORM_LIBRARIES: Final = frozenset(
    (
        *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"),
        *("libatomic.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libm.so.6", "libmvec.so.1"),
        *("libanl.so.1", "libdl.so.2", "librt.so.1", "libc.so.6", "libnsl.so.1", "libutil.so.1"),
        *("libpthread.so.0", "libresolv.so.2", "libX11.so.6", "libXext.so.6", "libXrender.so.1"),
        *("libICE.so.6", "libSM.so.6", "libGL.so.1", "libgobject-2.0.so.0"),
        *("libgthread-2.0.so.0", "libglib-2.0.so.0", "libexpat.so.1", "libz.so.1"),
    )
)
"""What a wheel may expect of any Linux with glibc: PEP 600, by the lists of its tool auditwheel.

A copy that some wheel carries is not offered to others: glibc has to fit the loader, and an old
copy of the rest would hide a newer one that another wheel was made for.
"""

_COPY: Final = re.compile(r"(.+/)?[^/]+\.libs/[^/]+[-.][0-9a-f]{8}[-.][^/]+")
_ORIGINS: Final = ("$ORIGIN", "${ORIGIN}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerLibraries:
    """The shared objects of a layer, by paths relative to its tree.

    ``folders`` has, for the name of each, the folders that have one; ``links`` the file that each
    name in the links folder leads to. ``lower_targets`` are the layers below, nearest first.
    """

    install_target: str
    lower_targets: tuple[str, ...]
    folders: Mapping[str, frozenset[str]]
    links: Mapping[str, str]

    def has(self, folder: str, name: str) -> bool:
        """Whether the loader finds a name in a folder."""
        return name in self.links if folder == LINKS_FOLDER else folder in self._folders_of(name)

    def provider(self, name: str, home: str) -> str | None:
        """Return the folder from which files in the folder ``home`` shall have a library.

        It is that of the links where one leads to such a library, else the nearest that has it.
        """
        if name in self.links:
            return LINKS_FOLDER
        return _nearest(self._folders_of(name), home)

    def copy(self, name: str, home: str) -> str | None:
        """Return the nearest folder to ``home`` where a wheel has its own copy of a library."""
        copies = {folder for folder in self._folders_of(name) if is_copy(f"{folder}/{name}")}
        return _nearest(copies, home)

    def _folders_of(self, name: str) -> frozenset[str]:
        return self.folders.get(name, frozenset())


def is_copy(path: str) -> bool:
    """Whether a wheel's file is a library that auditwheel copied into it from elsewhere.

    It lies in `NAME.libs` under a name that has a part of its digest, so that nothing but the wheel
    itself can need it; and auditwheel has seen to it that the wheel finds it.
    """
    return _COPY.fullmatch(path) is not None


def missing_folders(file: str, found: SharedObject, layer: LayerLibraries) -> tuple[str, ...]:
    """Return what is to be added to the run path of ``file``, empty where it finds all it needs.

    ``found`` is what it tells the loader. Those of its own layer come first, then those below.
    """
    home = posixpath.dirname(file)
    is_linked = layer.links.get(posixpath.basename(file)) == file
    copies: list[str] = []
    own: list[str] = []
    origins_from_below: list[str] = []
    for name in found.needed:
        if "/" in name or name in PLATFORM_LIBRARIES:
            continue
        place = _found(name, found.run_path, home, layer)
        if place is None and (copy := layer.copy(name, home)) is not None:
            copies.append(_from(home, copy, layer))
            continue
        for origin in (home, LINKS_FOLDER) if is_linked else (home,):
            if _found(name, found.run_path, origin, layer) is not None:
                continue
            folder = place or layer.provider(name, home)
            if folder is not None:
                own.append(_from(origin, folder, layer))
            else:
                origins_from_below.append(origin)
    below = (
        _from(origin, f"../{target}/{LINKS_FOLDER}", layer)
        for target in layer.lower_targets
        for origin in origins_from_below
    )
    more = (*own, *below)
    # A file with a DT_RUNPATH inherits nothing, so it now has to find by itself what it inherited.
    return tuple(dict.fromkeys((*copies, *more))) if more else ()


def _found(name: str, run_path: Iterable[str], origin: str, layer: LayerLibraries) -> str | None:
    """Return the folder of this layer where a file with that origin finds a library."""
    for entry in run_path:
        for word in _ORIGINS:
            rest = entry.removeprefix(word)
            if rest != entry and rest[:1] in ("", "/"):
                folder = posixpath.normpath(f"{origin}/{rest}")
                if layer.has(folder, name):
                    return folder
    return None


def _nearest(folders: Iterable[str], home: str) -> str | None:
    return min(
        folders,
        key=lambda folder: (-len(posixpath.commonpath((f"/{folder}", f"/{home}"))), folder),
        default=None,
    )


def _from(origin: str, folder: str, layer: LayerLibraries) -> str:
    top = f"/{layer.install_target}"
    way = posixpath.relpath(posixpath.normpath(f"{top}/{folder}"), f"{top}/{origin}")
    return _ORIGINS[0] if way == "." else f"{_ORIGINS[0]}/{way}"
