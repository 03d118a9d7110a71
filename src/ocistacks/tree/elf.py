"""What the dynamic loader reads of a shared object: which libraries it needs, and where to look.

The format is that of the System V ABI (gABI), "Object Files" and "Dynamic Linking": the header of
the file leads to those of its segments, the segment PT_DYNAMIC holds tags, and their texts lie in
the string table at DT_STRTAB. A layer has hundreds of such files, so only these few parts of each
are touched. Files come from strangers: whatever a length or a place says, nothing outside of the
file is read, and a file that the loader could not take is none.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from pathlib import Path

_MACHINES: Final = {Platform.LINUX_X86_64: 62, Platform.LINUX_AARCH64: 183}

# ELFCLASS64, ELFDATA2LSB, EV_CURRENT: what both machines have.
_IDENTITY: Final = b"\x7fELF\x02\x01\x01"
_HEADER: Final = struct.Struct("<16xHHIQQQIHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_TAG: Final = struct.Struct("<qQ")

_SHARED_OBJECT: Final = 3  # ET_DYN
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 10, 15, 29

_MOST_TAGS: Final = 10_000
_LONGEST_TEXT: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedObject:
    """A library or an extension module.

    ``needed`` are the libraries that it is linked with (DT_NEEDED), in order. ``run_path`` are the
    folders where the loader looks for them: those of DT_RUNPATH, or of DT_RPATH where there is no
    other; ``inherited`` tells that they are of DT_RPATH, which what it loads inherits.
    ``is_module`` tells that it has an initialisation function by which Python can import it under
    its file's name ("Extending and Embedding", PyInit_NAME).
    """

    needed: tuple[str, ...]
    run_path: tuple[str, ...]
    inherited: bool
    is_module: bool


def read_shared_object(path: Path, platform: Platform) -> SharedObject | None:
    """Return what a file tells the loader, None if it is no shared object for ``platform``."""
    with path.open("rb") as stream:
        if stream.read(len(_IDENTITY)) != _IDENTITY:
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _read(content, _MACHINES[platform], path.name.partition(".")[0])
            except (struct.error, OverflowError, _UnreadableError):
                return None


class _UnreadableError(Exception):
    """The file is not what the format says."""


def _read(content: mmap.mmap, machine: int, stem: str) -> SharedObject | None:
    kind, found, _, _, place, _, _, _, size, count = _HEADER.unpack_from(content)
    if (kind, found) != (_SHARED_OBJECT, machine) or size != _PROGRAM_HEADER.size:
        return None
    segments = [_PROGRAM_HEADER.unpack_from(content, place + size * n) for n in range(count)]
    tags = _tags(content, segments)
    strings = _strings(tags, segments, len(content))

    def texts(wanted: int) -> tuple[str, ...]:
        return tuple(_text(content, strings, value) for tag, value in tags if tag == wanted)

    inherited, run_path = texts(_DT_RPATH), texts(_DT_RUNPATH)
    initialisation = os.fsencode(f"\0PyInit_{stem}\0")
    return SharedObject(
        needed=texts(_DT_NEEDED),
        run_path=tuple(
            folder for text in run_path or inherited for folder in text.split(":") if folder
        ),
        inherited=bool(inherited) and not run_path,
        is_module=content.find(initialisation, strings.start, strings.stop) != -1,
    )


def _tags(content: mmap.mmap, segments: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    for kind, _, offset, _, _, size, _, _ in segments:
        if kind == _PT_DYNAMIC:
            tags: list[tuple[int, int]] = []
            for number in range(min(size // _TAG.size, _MOST_TAGS)):
                tag, value = _TAG.unpack_from(content, offset + number * _TAG.size)
                if tag == _DT_NULL:
                    break
                tags.append((tag, value))
            return tags
    raise _UnreadableError


def _strings(tags: list[tuple[int, int]], segments: list[tuple[int, ...]], length: int) -> range:
    """Return where in the file the string table lies; its tag has the address in memory."""
    values = dict(tags)
    try:
        address, size = values[_DT_STRTAB], values[_DT_STRSZ]
    except KeyError:
        raise _UnreadableError from None
    for kind, _, offset, start, _, in_file, _, _ in segments:
        if kind == _PT_LOAD and start <= address < start + in_file:
            place = offset + address - start
            if place + size <= length:
                return range(place, place + size)
    raise _UnreadableError


def _text(content: mmap.mmap, strings: range, offset: int) -> str:
    start = strings.start + offset
    end = content.find(b"\0", start, min(strings.stop, start + _LONGEST_TEXT))
    if end == -1:
        raise _UnreadableError
    return os.fsdecode(content[start:end])
