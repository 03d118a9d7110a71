"""Batches of wheels: what is installed at once never meets, what meets keeps its order."""

from hypothesis import given
from hypothesis import strategies as st

from ocistacks.tree.wheel_files import in_batches

WHEELS = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"), max_size=4), max_size=8
)


def disagree(one, other):
    return any(one[path] != other[path] for path in one.keys() & other.keys())


@given(WHEELS)
def test_each_wheel_is_in_one_batch(wheels):
    indexes = [index for batch in in_batches(wheels) for index in batch]
    assert sorted(indexes) == list(range(len(wheels)))


@given(WHEELS)
def test_wheels_that_disagree_are_installed_in_their_order(wheels):
    position = {index: at for at, batch in enumerate(in_batches(wheels)) for index in batch}
    for late in range(len(wheels)):
        for early in range(late):
            if disagree(wheels[early], wheels[late]):
                assert position[early] < position[late]


@given(WHEELS)
def test_the_later_wheel_has_the_last_word(wheels):
    expected = {path: content for wheel in wheels for path, content in wheel.items()}
    batches = in_batches(wheels)
    forwards = {p: c for batch in batches for i in batch for p, c in wheels[i].items()}
    backwards = {p: c for batch in batches for i in reversed(batch) for p, c in wheels[i].items()}
    assert forwards == backwards == expected


@given(st.lists(st.just({"shared": "equal"}), max_size=8))
def test_wheels_that_agree_are_installed_at_once(wheels):
    assert len(in_batches(wheels)) == min(1, len(wheels))
