from __future__ import annotations

import pytest

from ocistacks.blob.ranges import LARGEST_PART, BlobPart, plan_parts, plan_requests
from ocistacks.blob.toc_files import ListedEntry
from ocistacks.blob.tree_shape import TreeEntry


def file(start: int, end: int) -> ListedEntry:
    return ListedEntry(
        entry=TreeEntry(name=f"app/{start}", kind="reg", size=1), start=start, end=end
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(10, 20)], [(10, 20)], id="one file"),
        pytest.param([(0, 1000), (1020, 2000)], [(0, 2000)], id="a header between neighbours"),
        pytest.param([(1020, 2000), (0, 1000)], [(0, 2000)], id="in any order"),
        pytest.param([(0, 1000), (5000, 6000)], [(0, 1000), (5000, 6000)], id="far apart"),
        pytest.param(
            [(0, 1000), (1090, 2000), (2060, 3000)],
            [(0, 1000), (1090, 3000)],
            id="the narrowest gap first, as far as a twentieth goes",
        ),
        pytest.param(
            [(0, LARGEST_PART), (LARGEST_PART, LARGEST_PART + 5)],
            [(0, LARGEST_PART), (LARGEST_PART, LARGEST_PART + 5)],
            id="no part beyond the largest",
        ),
        pytest.param([(0, LARGEST_PART * 3)], [(0, LARGEST_PART * 3)], id="one large file"),
        pytest.param([(0, 100), (50, 60)], [(0, 100)], id="overlapping, for the reader to refuse"),
    ],
)
def test_parts(files: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    parts = plan_parts([file(*place) for place in files])

    assert [(part.start, part.end) for part in parts] == expected
    assert sorted((f.start, f.end) for part in parts for f in part.files) == sorted(files)


def part(start: int, size: int) -> BlobPart:
    return BlobPart(start=start, end=start + size, files=())


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([10], [1], id="one part"),
        pytest.param([10] * 8, [2, 2, 2, 2], id="a share for each connection"),
        pytest.param([1, 1, 1, 100, 1], [4, 1], id="the large one ends its request"),
        pytest.param([1] * 1000, [100] * 10, id="no header without end"),
        pytest.param([LARGEST_PART] * 40, [4] * 10, id="no request without end"),
    ],
)
def test_requests(sizes: list[int], expected: list[int]) -> None:
    parts = [part(1000 * number, size) for number, size in enumerate(sizes)]

    requests = plan_requests(parts, connections=4)

    assert [len(request) for request in requests] == expected
    assert [each for request in requests for each in request] == parts
