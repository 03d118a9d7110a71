"""Pack a layer tree as a blob."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from ocistacks.blob.batch_packing import PackedBatch, pack_batch
from ocistacks.blob.batch_reading import BatchReader
from ocistacks.blob.compression import make_compressor
from ocistacks.blob.freed_memory import keep_freed_memory
from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD, Blob
from ocistacks.blob.pieces import cut_entries, gather_batches
from ocistacks.blob.tables import Tables
from ocistacks.blob.tree_walk import walk_tree
from ocistacks.digests import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ocistacks.blob.batch_reading import ReadBatch
    from ocistacks.blob.model import Compression
    from ocistacks.blob.tree_walk import Entry

# More would wait for the one thread that hashes and writes in order, and hold memory meanwhile.
_MAXIMUM_THREADS: Final = 8
# Bytes of the tar stream that are under way or wait for their turn to be written. Counted in bytes,
# because batches differ by ten times: while a large one is packed, there must be enough small ones
# to keep the other threads busy.
_BYTES_AHEAD: Final = 24 << 20
# Bytes. Those ahead, and what is being read, written and hashed besides.
_RING_SIZE: Final = 36 << 20
_HASHES_AHEAD: Final = 2


def pack_tree(
    tree: Path,
    install_target: str,
    output: BinaryIO,
    *,
    compression: Compression = "zstd",
    level: int = 3,
    threads: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Blob:
    """Write ``tree`` to ``output`` as a blob with the one top folder ``install_target``.

    The bytes depend on the names, contents, executable bits and link targets in the tree, on
    ``install_target``, ``compression`` and ``level``, and on nothing else. ``output`` is only
    appended to, so it may be a pipe; it holds part of a blob where this raises. ``threads`` is
    the number of threads that compress, all cores if None. ``on_progress`` is called with the
    number of bytes of the tar stream since its last call.

    Raises BuildError for a tree that cannot be read or that no puller would accept, and
    UsageError for a level that the compression does not have.
    """
    compressor = make_compressor(compression, level)
    keep_freed_memory()
    counter = _Counter()
    batches = gather_batches(cut_entries(counter.count(walk_tree(tree, install_target))))
    reader = BatchReader(_RING_SIZE)
    # Read here, and not in the threads that compress: they would wait for Python's lock, which this
    # thread holds most of the time, thrice at every file.
    read_batches = map(reader.read, batches)
    tables = Tables() if compression == "zstd" else None
    workers = min(threads or _usable_cores(), _MAXIMUM_THREADS)
    writer = _Writer(output)
    with _pool(1) as hash_pool, _pool(workers) as pool:
        tar = _TarHasher(hash_pool, reader.give_back)
        for packed in _in_order(pool, lambda read: pack_batch(read, compressor), read_batches):
            tar.update(packed.read.content)
            if tables is not None:
                tables.add(packed, writer.size)
            writer.write(packed.compressed.content)
            if on_progress is not None:
                on_progress(packed.read.batch.size)
        diff_id = tar.digest()
    annotations: dict[str, str] = {}
    if tables is not None:
        frames, annotations = tables.finish(writer.size)
        for frame in frames:
            writer.write(frame)
    return Blob(
        digest=writer.digest,
        size=writer.size,
        diff_id=diff_id,
        uncompressed_size=tar.size,
        media_type=MEDIA_TYPE_TAR_GZIP if tables is None else MEDIA_TYPE_TAR_ZSTD,
        annotations=annotations,
        file_count=counter.total,
    )


class _Counter:
    """Counts the entries that pass."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self.total += 1
            yield entry


class _TarHasher:
    """Digests the tar stream on a thread of its own, because that hash cannot be shared out.

    It is the last to look at a batch: ``give_back`` is called, on the caller's thread, when the
    first of those that were not given back has been digested.
    """

    def __init__(self, pool: ThreadPoolExecutor, give_back: Callable[[], None]) -> None:
        self._pool = pool
        self._give_back = give_back
        self._hasher = hashlib.sha256()
        self._ahead: deque[Future[None]] = deque()
        self.size = 0

    def update(self, content: memoryview) -> None:
        self.size += len(content)
        self._ahead.append(self._pool.submit(self._hasher.update, content))
        if len(self._ahead) > _HASHES_AHEAD:
            self._wait()

    def digest(self) -> Digest:
        while self._ahead:
            self._wait()
        return Digest.from_hex(self._hasher.hexdigest())

    def _wait(self) -> None:
        self._ahead.popleft().result()
        self._give_back()


class _Writer:
    """Writes the blob and digests what it writes; ``size`` counts the bytes."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._hasher = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> Digest:
        return Digest.from_hex(self._hasher.hexdigest())

    def write(self, content: bytes) -> None:
        self._hasher.update(content)
        self.size += len(content)
        rest = memoryview(content)
        while rest:  # an unbuffered pipe takes what fits
            rest = rest[self._output.write(rest) :]


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[ReadBatch], PackedBatch], batches: Iterable[ReadBatch]
) -> Iterator[PackedBatch]:
    """Yield what ``work`` makes of ``batches``, in their order, a bounded number ahead."""
    ahead: deque[Future[PackedBatch]] = deque()
    size = 0
    for read in batches:
        ahead.append(pool.submit(work, read))
        size += read.batch.size
        while size >= _BYTES_AHEAD:
            packed = ahead.popleft().result()
            size -= packed.read.batch.size
            yield packed
    while ahead:
        yield ahead.popleft().result()


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A thread pool that, when left by an error, does not finish the work that waits."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))
