"""Laws of canonical JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ocistacks.canonical_json import LARGEST_INTEGER, canonical_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES)
def test_it_is_json_of_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(value=st.dictionaries(TEXTS, SCALARS), data=st.data())
def test_the_order_of_keys_does_not_matter(value, data):
    mixed = dict(data.draw(st.permutations(list(value.items()))))
    assert canonical_json(mixed) == canonical_json(value)


@given(value=VALUES)
def test_it_is_its_own_canonical_form(value):
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(one=VALUES, other=VALUES)
def test_different_values_have_different_forms(one, other):
    equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_json(one) == canonical_json(other)) is equal


@given(keys=st.sets(TEXTS, max_size=8))
def test_keys_are_in_the_order_of_utf_16(keys):
    listed = list(json.loads(canonical_json(dict.fromkeys(keys))))
    assert listed == sorted(keys, key=lambda key: key.encode("utf-16-be"))
