from __future__ import annotations

import pytest

from ocistacks.blob.ranges import LARGEST_PART, plan_parts
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
