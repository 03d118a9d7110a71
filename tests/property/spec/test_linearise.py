"""The laws of C3, and that Python itself agrees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocistacks.spec.linearise import OrderConflictError, merge


@st.composite
def graphs(draw):
    """Names, each with the earlier names it stands on, in order."""
    graph = {}
    for number in range(draw(st.integers(1, 8))):
        below = draw(st.lists(st.sampled_from(sorted(graph)), unique=True)) if graph else []
        graph[f"n{number}"] = below
    return graph


def linearised(graph):
    """Return each name's linearisation without itself, or None from the first conflict on."""
    orders = {}
    for name, below in graph.items():
        try:
            orders[name] = merge([*([each, *orders[each]] for each in below), below])
        except OrderConflictError:
            return orders, name
    return orders, None


@given(graphs())
def test_it_is_pythons_own_order(graph):
    orders, conflict = linearised(graph)
    classes = {}
    for name, below in graph.items():
        if name == conflict:
            with pytest.raises(TypeError):
                type(name, tuple(classes[each] for each in below), {})
            return
        classes[name] = type(name, tuple(classes[each] for each in below), {})
        assert orders[name] == tuple(each.__name__ for each in classes[name].__mro__[1:-1])


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=5))
def test_a_merge_holds_every_name_once_in_every_declared_order(sequences):
    try:
        merged = merge(sequences)
    except OrderConflictError as conflict:
        assert len(conflict.remaining) >= 2
        return
    assert sorted(merged) == sorted({name for sequence in sequences for name in sequence})
    for sequence in sequences:
        assert [name for name in merged if name in sequence] == sequence
