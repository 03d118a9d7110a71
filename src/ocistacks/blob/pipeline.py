"""Stages of work on a stream, each on a thread of its own, with bounded queues between them."""

from __future__ import annotations

import threading
from queue import Queue
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

# Buffers that wait before a stage; with the buffers' size this bounds the memory of a pipeline.
_QUEUE_LENGTH: Final = 6


class Pipeline:
    """Runs stages; the first one to fail stops the others, and its error is raised at the end.

    Stages are told apart by when they were started: of several errors, the one of the earliest
    stage is raised, because those behind it fail for want of input.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._channels: list[Channel] = []
        self._errors: dict[int, BaseException] = {}
        self._failed = threading.Event()

    @property
    def failed(self) -> bool:
        """Whether a stage has failed, so that more input would be for nothing."""
        return self._failed.is_set()

    def channel(self) -> Channel:
        """Return a new channel, which is closed when the pipeline is left."""
        channel = Channel(self._failed)
        self._channels.append(channel)
        return channel

    def start(self, source: Channel, stage: Callable[[], None], *outputs: Channel) -> None:
        """Run ``stage``, which reads ``source``; then close ``outputs``."""
        number = len(self._threads)

        def run() -> None:
            try:
                stage()
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                self._errors[number] = error
                self._failed.set()
            finally:
                for output in outputs:
                    output.close()
                source.drain()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._failed.set()
        self._channels[0].close()
        for thread in self._threads:
            thread.join()
        if error is None and self._errors:
            raise self._errors[min(self._errors)]


class Channel:
    """A bounded queue of buffers from one thread to another."""

    def __init__(self, failed: threading.Event) -> None:
        self._queue: Queue[bytes | None] = Queue(_QUEUE_LENGTH)
        self._failed = failed
        self._ended = False

    def send(self, buffer: bytes) -> None:
        """Wait for room and add ``buffer``, which must not be empty."""
        self._queue.put(buffer)

    def close(self) -> None:
        """Tell the reader that nothing follows."""
        self._queue.put(None)

    def read(self, _size: int = -1) -> bytes:
        """Wait for the next buffer, of any size, and return it; an empty one at the end."""
        if self._ended:
            return b""
        buffer = self._queue.get()
        if buffer is None or self._failed.is_set():
            self._ended = buffer is None
            return b""
        return buffer

    def drain(self) -> None:
        """Read to the end, so that the sender never waits for a reader that is gone."""
        while not self._ended:
            self._ended = self._queue.get() is None

    def __iter__(self) -> Iterator[bytes]:
        while buffer := self.read():
            yield buffer
