"""Sending blobs in parallel; the first failure stops the others."""

from __future__ import annotations

import threading
from concurrent.futures import as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocistacks.oci import annotations as keys
from ocistacks.registry.source import FileSink, FileSource, ResumableSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter, Task
    from ocistacks.registry.model import Descriptor
    from ocistacks.registry.source import ObjectSink, ObjectSource


class _StoppedError(Exception):
    """Another blob failed, so that this one is of no use."""


class BlobSender:
    """Sends blobs from a source to a sink.

    ``mounts`` names the repositories of the sink's registry that may share a blob.
    """

    def __init__(
        self,
        source: ObjectSource,
        sink: ObjectSink,
        *,
        reporter: Reporter,
        mounts: Mapping[Digest, str] | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._reporter = reporter
        self._mounts = mounts or {}
        self._stopped = threading.Event()

    def send(self, blobs: Iterable[Descriptor], executor: Executor) -> frozenset[Digest]:
        """Send all ``blobs``, and return which of them were mounted instead.

        Raises:
            OcistacksError: the first failure; what was on its way is given up.
        """
        futures = {executor.submit(self._send, blob): blob.digest for blob in blobs}
        try:
            return frozenset(futures[future] for future in as_completed(futures) if future.result())
        except BaseException:
            self._stopped.set()
            for future in futures:
                future.cancel()
            raise

    def _send(self, blob: Descriptor) -> bool:
        """Bring one blob to the sink; True where it was mounted."""
        mount_from = self._mounts.get(blob.digest)
        if mount_from is not None and self._sink.mount_blob(blob.digest, mount_from):
            return True
        label = blob.annotation(keys.TITLE) or f"blob {blob.digest.short}"
        with self._reporter.task(label, total=blob.size) as task:
            if not self._shared(blob, task):
                kind = _Resumable if isinstance(self._source, ResumableSource) else _Watched
                content = kind(self._source, blob, task, self._stopped)
                self._sink.write_blob(blob, content)
        return False

    def _shared(self, blob: Descriptor, task: Task) -> bool:
        """Let the sink share the source's file, where both can."""
        if not (isinstance(self._source, FileSource) and isinstance(self._sink, FileSink)):
            return False
        path = self._source.blob_file(blob)
        if path is None:
            return False
        self._sink.write_blob_file(blob, path)
        task.advance(blob.size)
        return True


class _Watched:
    """A blob's content that tells its progress, and ends when all is to stop."""

    def __init__(
        self, source: ObjectSource, blob: Descriptor, task: Task, stopped: threading.Event
    ) -> None:
        self._source = source
        self._blob = blob
        self._task = task
        self._stopped = stopped
        self._told = 0

    @contextmanager
    def __call__(self) -> Iterator[Iterator[bytes]]:
        """Open the content from its beginning."""
        with self._source.open_blob(self._blob) as chunks:
            yield self._watch(chunks, 0)

    def _watch(self, chunks: Iterator[bytes], passed: int) -> Iterator[bytes]:
        self._tell(passed)
        for chunk in chunks:
            if self._stopped.is_set():
                raise _StoppedError
            yield chunk
            passed += len(chunk)
            self._tell(passed)

    def _tell(self, passed: int) -> None:
        if passed > self._told:  # what is sent a second time is no progress
            self._task.advance(passed - self._told)
            self._told = passed


class _Resumable(_Watched):
    """The same for a source that can go on in the middle."""

    @contextmanager
    def after(self, have: Path) -> Iterator[Iterator[bytes]]:
        """Open what comes after the bytes of a file (see ``ResumableContent``)."""
        assert isinstance(self._source, ResumableSource)
        with self._source.open_rest(self._blob, have) as chunks:
            yield self._watch(chunks, have.stat().st_size)
