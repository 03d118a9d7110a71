"""Read a tar stream from strangers: its members, and nothing that is ambiguous.

Formats: IEEE Std 1003.1-2017, pax ("ustar Interchange Format", "pax Extended Header"), and GNU
tar's long names and base-256 sizes, because archives that others made hold those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ocistacks.blob.tar_header import BLOCK_SIZE, SUM_MODULUS, sum_of_bytes
from ocistacks.blob.tree_shape import TreeEntry
from ocistacks.errors import UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.blob.tree_shape import EntryKind

_KINDS: Final[dict[bytes, EntryKind]] = {
    b"0": "reg",
    b"\0": "reg",
    b"7": "reg",
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "dir",
}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a FIFO"}
# Bytes. No file system takes longer names, and no header needs more records.
_MAXIMUM_EXTENSION_SIZE = 64 << 10
_BASE_256 = 0x80
_SPECIAL_BITS = 0o7000
_EXECUTABLE_BIT = 0o100
_LINKS = frozenset(("hardlink", "symlink"))
_DECIMAL = re.compile(r"[0-9]{1,18}")
_ZERO_BLOCK = bytes(BLOCK_SIZE)


class TarStream:
    """Hands out a tar stream's bytes in the lengths that are asked for, without copying content."""

    def __init__(self, buffers: Iterable[bytes]) -> None:
        self._buffers = iter(buffers)
        self._view = memoryview(b"")
        self._position = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes; raise UnsafeContentError if the stream ends before."""
        end = self._position + size
        if end <= len(self._view):
            taken = bytes(self._view[self._position : end])
            self._position = end
            return taken
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next ``size`` bytes in slices of the buffers that they came in."""
        while size:
            if self._position == len(self._view):
                self._next_buffer()
            piece = self._view[self._position : self._position + size]
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def require_end(self) -> None:
        """Read what is left, and refuse anything but zero bytes."""
        rest = self._view[self._position :]
        while True:
            if bytes(rest).strip(b"\0"):
                raise UnsafeContentError("An archive goes on behind its end.")
            buffer = next(self._buffers, None)
            if buffer is None:
                return
            rest = memoryview(buffer)

    def _next_buffer(self) -> None:
        buffer = next(self._buffers, None)
        if buffer is None:
            raise UnsafeContentError(
                "An archive is cut short.", hint="fetch the blob again, it may be incomplete"
            )
        self._view = memoryview(buffer)
        self._position = 0


def read_members(stream: TarStream) -> Iterator[TreeEntry]:
    """Yield the members of an archive; before the next one, the caller takes the content.

    After the last one the stream has been read to its end. Raises UnsafeContentError for headers
    that are damaged or ambiguous, and for what a layer never holds: devices, FIFOs, sparse files,
    set-user-id, set-group-id and sticky bits.
    """
    extension: dict[str, str] = {}
    while True:
        block = stream.take(BLOCK_SIZE)
        if block == _ZERO_BLOCK:
            break
        _verify_checksum(block)
        flag = block[156:157]
        if flag in b"xgLK":
            extension |= _read_extension(stream, flag, _number(block[124:136]))
            continue
        yield _member(block, flag, extension)
        extension = {}
    if extension:
        raise UnsafeContentError("An archive ends behind a header that belongs to another one.")
    stream.require_end()


def _verify_checksum(block: bytes) -> None:
    # The checksum's own field counts as eight spaces.
    total = sum_of_bytes(block) - sum(block[148:156]) + 8 * ord(" ")
    if (total - _number(block[148:156])) % SUM_MODULUS:
        raise UnsafeContentError(
            "A header in an archive is damaged.",
            where=repr(_text(block[:100])[:100]),
            hint="fetch the blob again, or make it again if that does not help",
        )


def _member(block: bytes, flag: bytes, extension: dict[str, str]) -> TreeEntry:
    name = extension.get("path")
    if name is None:
        name = _decode(block[:100])
        if block[345] and block[257:263] == b"ustar\0":
            name = f"{_decode(block[345:500])}/{name}"
    kind = _KINDS.get(flag)
    if kind is None:
        what = _REFUSED.get(flag, f"an entry of type {flag.decode('latin-1')!r}")
        raise UnsafeContentError(f"An archive holds {what}.", where=name)
    mode = _number(block[100:108])
    if mode & _SPECIAL_BITS:
        raise UnsafeContentError(
            "An entry of an archive has a set-user-id, set-group-id or sticky bit.",
            where=name,
            found=f"mode {mode:o}",
        )
    size = int(extension["size"]) if "size" in extension else _number(block[124:136])
    if kind != "reg" and size:
        raise UnsafeContentError(
            "An entry of an archive that is no file has content.",
            where=name,
            found=f"{size} bytes",
        )
    if kind == "dir":
        name = name.removesuffix("/")
    link_name = extension.get("linkpath") if kind in _LINKS else ""
    return TreeEntry(
        name=name,
        kind=kind,
        size=size,
        executable=kind == "reg" and mode & _EXECUTABLE_BIT != 0,
        link_name=_decode(block[157:257]) if link_name is None else link_name,
    )


def _read_extension(stream: TarStream, flag: bytes, size: int) -> dict[str, str]:
    """Return what an extension header says of the next member: its path, linkpath or size."""
    if size > _MAXIMUM_EXTENSION_SIZE:
        raise UnsafeContentError(
            "A header in an archive is too long.",
            found=f"{size} bytes",
            expected=f"at most {_MAXIMUM_EXTENSION_SIZE} bytes",
        )
    body = stream.take(size + -size % BLOCK_SIZE)[:size]
    if flag == b"L":
        return {"path": _decode(body)}
    if flag == b"K":
        return {"linkpath": _decode(body)}
    records = {key: value for key, value in _pax_records(body) if _concerns_us(key)}
    if flag == b"g" and records:
        raise UnsafeContentError(
            "An archive has a header for all its entries that names or resizes them.",
            found=", ".join(sorted(records)),
        )
    if not _DECIMAL.fullmatch(records.get("size", "0")):
        raise UnsafeContentError("A size in an archive is no number.", found=records["size"][:100])
    return records


def _concerns_us(key: str) -> bool:
    if key.startswith("GNU.sparse."):
        raise UnsafeContentError("An archive holds a sparse file.", found=key)
    return key in {"path", "linkpath", "size"}


def _pax_records(body: bytes) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(body):
        digits, space, _ = body[position : position + 8].partition(b" ")
        end = position + int(digits) if digits.isdigit() else 0
        start = position + len(digits) + 1
        key, equals, value = body[start : end - 1].partition(b"=")
        if not space or not equals or end > len(body) or body[end - 1 : end] != b"\n":
            raise UnsafeContentError("A pax header in an archive is damaged.")
        yield key.decode("utf-8", "replace"), _utf8(value)
        position = end


def _number(field: bytes) -> int:
    """Return a header's number: octal digits, or GNU tar's base 256."""
    if field[0] == _BASE_256:
        return int.from_bytes(field[1:])
    digits = field.strip(b" \0") or b"0"
    # int alone would take signs, spaces and underscores.
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise UnsafeContentError(
            "A number in an archive's header is damaged.", found=repr(_text(field))
        )
    return int(digits, 8)


def _decode(field: bytes) -> str:
    return _utf8(field.partition(b"\0")[0])


def _utf8(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnsafeContentError(
            "A name in an archive is not UTF-8.", found=repr(_text(content)[:100])
        ) from error


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")
