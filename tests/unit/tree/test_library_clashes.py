"""The pattern that leaves out one of several libraries."""

import glob

from hypothesis import given
from hypothesis import strategies as st

from ocistacks.tree.library_clashes import excluding
from ocistacks.tree.path_patterns import matches_end

FOLDERS = st.lists(st.sampled_from(["a", "b", "[c]", "*"]), min_size=1, max_size=4)
PATHS = st.lists(FOLDERS, min_size=2, max_size=5, unique_by=tuple).map(
    lambda found: ["/".join(["lib", "sp", *folders, "libx.so"]) for folders in found]
)


@given(PATHS)
def test_a_pattern_leaves_out_one_and_no_other(paths):
    for path in paths:
        pattern = excluding(path, paths)
        assert [other for other in paths if matches_end(f"layer/{other}", pattern)] == [path]


def test_a_pattern_is_as_short_as_can_be():
    assert excluding("lib/sp/a/libx.so", ["lib/sp/a/libx.so", "lib/sp/b/libx.so"]) == "a/libx.so"
    nested = ["lib/sp/a/libx.so", "lib/sp/b/a/libx.so"]
    assert [excluding(path, nested) for path in nested] == ["sp/a/libx.so", "b/a/libx.so"]
    assert excluding("lib/[x]/l.so", ["lib/[x]/l.so"]) == glob.escape("[x]/l.so")
