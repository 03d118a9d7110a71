from __future__ import annotations

from ocistacks.blob.pieces import BATCH_SIZE, CHUNK_SIZE, cut_entries, gather_batches
from ocistacks.blob.tree_walk import Entry


def file(name: str, size: int) -> Entry:
    return Entry(name=name, kind="reg", mode=0o644, size=size)


def test_headers_between_two_contents_make_one_piece_with_the_padding_before_them():
    entries = [
        Entry(name="a/", kind="dir", mode=0o755),
        file("a/1", 10),
        file("a/2", 0),
        file("a/3", 512),
    ]
    pieces = list(cut_entries(entries))
    assert [[header.entry.name for header in piece.headers] for piece in pieces] == [
        ["a/", "a/1"],
        ["a/2", "a/3"],
        [],
    ]
    assert [len(piece.literal) for piece in pieces] == [1024, 502 + 1024, 1024]
    assert [piece.chunk and piece.chunk.size for piece in pieces] == [10, 512, None]


def test_large_files_are_cut_into_chunks():
    pieces = list(cut_entries([file("big", 2 * CHUNK_SIZE + 1)]))
    chunks = [piece.chunk for piece in pieces if piece.chunk]
    assert [(chunk.offset, chunk.size, chunk.is_last) for chunk in chunks] == [
        (0, CHUNK_SIZE, False),
        (CHUNK_SIZE, CHUNK_SIZE, False),
        (2 * CHUNK_SIZE, 1, True),
    ]
    assert [len(piece.literal) for piece in pieces] == [512, 0, 0, 511 + 1024]


def test_long_runs_without_content_are_cut_too():
    pieces = list(cut_entries([file(f"{number}", 0) for number in range(1200)]))
    assert [len(piece.headers) for piece in pieces] == [512, 512, 176]


def test_batches_cover_the_stream_in_order():
    pieces = list(cut_entries([file(f"{number}", 100_000) for number in range(20)]))
    batches = list(gather_batches(pieces))
    assert [piece for batch in batches for piece in batch.pieces] == pieces
    assert all(batch.size >= BATCH_SIZE for batch in batches[:-1])
    assert sum(batch.size for batch in batches) == 20 * (512 + 100_352) + 1024
