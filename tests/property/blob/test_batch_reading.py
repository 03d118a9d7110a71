"""Memory that batches are read into is not overwritten before it is given back."""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from ocistacks.blob.batch_reading import BatchReader
from ocistacks.blob.pieces import Batch, Piece

RING_SIZE = 6


@settings(max_examples=500)
@given(st.lists(st.one_of(st.none(), st.integers(1, RING_SIZE)), max_size=60))
def test_a_batch_keeps_its_bytes_until_it_is_given_back(steps):
    reader = BatchReader(RING_SIZE)
    held = deque()
    for number, size in enumerate(steps):
        if size is not None:
            literal = bytes([number]) * size
            held.append((reader.read(Batch((Piece(literal),), size)), literal))
        elif held:
            held.popleft()
            reader.give_back()
        assert all(read.content == literal for read, literal in held)


def test_memory_is_used_again():
    reader = BatchReader(RING_SIZE)
    batch = Batch((Piece(b"x" * 4),), 4)
    first = reader.read(batch)
    reader.give_back()
    second = reader.read(Batch((Piece(b"y" * 4),), 4))
    assert first.content == second.content
