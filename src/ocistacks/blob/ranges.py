"""Which parts of a blob to ask for, so that few requests bring little that is not needed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.blob.toc_files import ListedEntry

# Of the bytes that are needed, so many at most may be fetched in vain to save requests.
_WASTED_PART: Final = 1 / 20
# Bytes. More would leave connections idle at the end, where one of them still works on a part.
LARGEST_PART: Final = 2 << 20
_LARGEST_REQUEST: Final = 8 << 20
# Servers bound the length of a header; a part takes at most some forty characters of it.
_MOST_PARTS_OF_REQUEST: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobPart:
    """The bytes [start, end) of a blob, and the files whose content they hold, by their place."""

    start: int
    end: int
    files: tuple[ListedEntry, ...]

    @property
    def size(self) -> int:
        """How many bytes the part has."""
        return self.end - self.start


def plan_parts(files: Sequence[ListedEntry]) -> tuple[BlobPart, ...]:
    """Return the parts of a blob that hold ``files``, by their place.

    Neighbours come in one part up to LARGEST_PART. What lies between two files is fetched along
    where that saves a request, the narrowest gaps first, as long as it stays a small part of all.
    """
    ordered = sorted(files, key=lambda file: file.start)
    budget = sum(file.end - file.start for file in ordered) * _WASTED_PART
    gaps = sorted(
        (max(0, later.start - earlier.end), index)
        for index, (earlier, later) in enumerate(pairwise(ordered), 1)
    )
    joined: set[int] = set()
    for gap, index in gaps:
        budget -= gap
        if budget < 0:
            break
        joined.add(index)
    groups: list[list[ListedEntry]] = []
    for index, file in enumerate(ordered):
        if index in joined and file.end - groups[-1][0].start <= LARGEST_PART:
            groups[-1].append(file)
        else:
            groups.append([file])
    return tuple(
        BlobPart(start=group[0].start, end=max(file.end for file in group), files=tuple(group))
        for group in groups
    )


def plan_requests(parts: Sequence[BlobPart], connections: int) -> tuple[tuple[BlobPart, ...], ...]:
    """Return the parts in groups, one for a request, so that all connections have their share."""
    share = min(_LARGEST_REQUEST, sum(part.size for part in parts) // connections)
    groups: list[list[BlobPart]] = []
    size = 0
    for part in parts:
        if groups and size < share and len(groups[-1]) < _MOST_PARTS_OF_REQUEST:
            groups[-1].append(part)
            size += part.size
        else:
            groups.append([part])
            size = part.size
    return tuple(tuple(group) for group in groups)
