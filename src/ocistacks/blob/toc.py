"""The table of contents of a zstd:chunked blob: its lines, its frames, its footer.

Format: containers/storage, pkg/chunked/internal/minimal/compression.go; docs/blob-format.md says
what of it is used here.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from json import JSONEncoder
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

import zstandard
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from ocistacks.blob.model import MODIFICATION_TIME_RFC3339
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UnsafeContentError

if TYPE_CHECKING:
    from ocistacks.blob.tree_walk import Entry

CHECKSUM_KEYS: Final = (
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.containers.zstd-chunked.manifest-checksum",
)
POSITION_KEYS: Final = (
    "io.github.containers.zstd-chunked.manifest-position",
    "io.containers.zstd-chunked.manifest-position",
)
TAR_SPLIT_KEY: Final = "io.github.containers.zstd-chunked.tarsplit-position"

FOOTER_SIZE: Final = 64
SKIPPABLE_HEADER_SIZE: Final = 8
# Bytes, compressed or not: what containers/storage reads at most.
MAXIMUM_TOC_SIZE: Final = 150 << 20

_SKIPPABLE_MAGIC = b"\x50\x2a\x4d\x18"
_FOOTER = struct.Struct("<7Q8s")
_FOOTER_MAGIC = b"GNUlInUx"
_TOC_TYPE = 1

_quote: Final = JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A compressed part of the blob: where it lies behind its skippable header; all in bytes."""

    offset: int
    size: int
    uncompressed_size: int

    def __str__(self) -> str:
        return f"{self.offset}:{self.size}:{self.uncompressed_size}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footer:
    """The last 64 bytes of a blob: where the table of contents and the tar-split stream lie."""

    toc: Part
    tar_split: Part


class TocEntry(BaseModel):
    """One entry of a table of contents; the fields and their meaning are the format's."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)

    type: Literal["reg", "hardlink", "symlink", "dir", "char", "block", "fifo", "chunk"]
    name: str
    link_name: str = Field(default="", alias="linkName")
    mode: NonNegativeInt = 0
    size: NonNegativeInt = 0
    uid: NonNegativeInt = 0
    gid: NonNegativeInt = 0
    modtime: str = ""
    accesstime: str = ""
    changetime: str = ""
    dev_major: int = Field(default=0, alias="devMajor")
    dev_minor: int = Field(default=0, alias="devMinor")
    xattrs: dict[str, str] = Field(default_factory=dict)
    digest: Digest | None = None
    offset: NonNegativeInt = 0
    end_offset: NonNegativeInt = Field(default=0, alias="endOffset")
    chunk_size: NonNegativeInt = Field(default=0, alias="chunkSize")
    chunk_offset: NonNegativeInt = Field(default=0, alias="chunkOffset")
    chunk_digest: Digest | None = Field(default=None, alias="chunkDigest")
    chunk_type: Literal["", "zeros"] = Field(default="", alias="chunkType")


class Toc(BaseModel):
    """A table of contents."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)

    version: Literal[1]
    entries: tuple[TocEntry, ...]
    tar_split_digest: Digest | None = Field(default=None, alias="tarSplitDigest")


def toc_entry(entry: Entry, *, placement: str = "") -> str:
    """Return the JSON object of ``entry``; ``placement`` are the members that tell its content.

    Written as text, because a model for each of many thousand entries would take longer than
    their compression; the tests read it back through the model.
    """
    link = f'"linkName":{_quote(entry.link_name)},' if entry.link_name else ""
    size = f'"size":{entry.size},' if entry.size else ""
    return (
        f'{{"type":"{entry.kind}","name":{_quote(entry.name)},{link}"mode":{entry.mode},{size}'
        f'"modtime":"{MODIFICATION_TIME_RFC3339}"{placement}}}'
    )


def chunk_entry(name: str, *, offset: int, placement: str) -> str:
    """Return the JSON object of a chunk at byte ``offset`` of the file ``name``, not its first."""
    return f'{{"type":"chunk","name":{_quote(name)}{placement},"chunkOffset":{offset}}}'


def skippable_frame(content: bytes) -> bytes:
    """Return ``content`` in a frame that zstd decoders pass over (RFC 8878, section 3.1.2)."""
    return _SKIPPABLE_MAGIC + struct.pack("<I", len(content)) + content


def encode_footer(footer: Footer) -> bytes:
    """Return the 64 bytes of ``footer``."""
    toc, split = footer.toc, footer.tar_split
    return _FOOTER.pack(
        *(toc.offset, toc.size, toc.uncompressed_size, _TOC_TYPE),
        *(split.offset, split.size, split.uncompressed_size, _FOOTER_MAGIC),
    )


def parse_footer(content: bytes) -> Footer:
    """Return the footer that the last 64 bytes of a blob are; raise UnsafeContentError if none."""
    if len(content) != FOOTER_SIZE or not content.endswith(_FOOTER_MAGIC):
        raise UnsafeContentError(
            "This blob has no table of contents.",
            found=f"{content[-8:].hex()} in its last bytes",
            expected=f"{_FOOTER_MAGIC.hex()}, the end of a zstd:chunked footer",
        )
    numbers = _FOOTER.unpack(content)
    footer = Footer(
        toc=Part(offset=numbers[0], size=numbers[1], uncompressed_size=numbers[2]),
        tar_split=Part(offset=numbers[4], size=numbers[5], uncompressed_size=numbers[6]),
    )
    if numbers[3] != _TOC_TYPE:
        raise UnsafeContentError(
            "This blob's table of contents is of an unknown type.",
            found=str(numbers[3]),
            expected=str(_TOC_TYPE),
        )
    largest = max(footer.toc.size, footer.toc.uncompressed_size)
    if largest > MAXIMUM_TOC_SIZE:
        raise UnsafeContentError(
            "This blob's table of contents is too large.",
            found=f"{largest} bytes",
            expected=f"at most {MAXIMUM_TOC_SIZE} bytes",
        )
    return footer


def annotations_of(footer: Footer, checksum: Digest) -> dict[str, str]:
    """Return the annotations of the layer's descriptor; ``checksum`` is the compressed TOC's."""
    annotations = dict.fromkeys(CHECKSUM_KEYS, str(checksum))
    annotations |= dict.fromkeys(POSITION_KEYS, f"{footer.toc}:{_TOC_TYPE}")
    annotations[TAR_SPLIT_KEY] = str(footer.tar_split)
    return annotations


def read_toc(stream: BinaryIO, *, checksum: Digest | None = None) -> Toc:
    """Return the table of contents of the blob in ``stream``, which must be seekable.

    ``checksum`` is the digest of the compressed table, from the descriptor's annotations; without
    it the blob as a whole must have been verified before. Raises DigestError where the checksum
    differs and UnsafeContentError where the blob has no table or a malformed one.
    """
    end = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, end - FOOTER_SIZE))
    footer = parse_footer(stream.read(FOOTER_SIZE))
    if footer.toc.offset > end:
        raise _malformed(f"its position {footer.toc.offset} lies behind the blob's end {end}")
    stream.seek(footer.toc.offset)
    return parse_toc(stream.read(footer.toc.size), footer.toc.uncompressed_size, checksum=checksum)


def parse_toc(content: bytes, uncompressed_size: int, *, checksum: Digest | None = None) -> Toc:
    """Return the table of contents that ``content`` is when compressed; as ``read_toc`` does."""
    if checksum is not None and Digest.of_bytes(content) != checksum:
        raise DigestError(
            "A blob's table of contents is not the one that its manifest promises.",
            found=Digest.of_bytes(content),
            expected=checksum,
        )
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
        text = reader.read(uncompressed_size + 1)
    except zstandard.ZstdError as error:
        raise _malformed(str(error)) from error
    if len(text) != uncompressed_size:
        raise _malformed(f"its size is not the {uncompressed_size} bytes that the footer tells")
    try:
        return Toc.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"{place}: {first['msg']}") from error


def _malformed(found: str) -> UnsafeContentError:
    return UnsafeContentError("A blob's table of contents is malformed.", found=found)
