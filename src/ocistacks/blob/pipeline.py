"""Stages of work on a stream, each on a thread of its own, with bounded queues between them."""

from __future__ import annotations

import threading
from queue import Queue
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

# What waits before a stage; with the size of each this bounds the memory of a pipeline.
_QUEUE_LENGTH: Final = 6

_Item = TypeVar("_Item")
_Channel = TypeVar("_Channel", bound="Channel[Any]")


class _StoppedError(Exception):
    """Ends a stage that waits for what a failed one would have sent."""


class Pipeline:
    """Runs stages; the first one to fail stops the others, and its error is raised at the end.

    Stages are told apart by when they were started: of several errors, the one of the earliest
    stage is raised, whichever came first.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._input: Channel[Any] | None = None
        self._errors: dict[int, BaseException] = {}
        self._failed = threading.Event()

    @property
    def failed(self) -> bool:
        """Whether a stage has failed, so that more input would be for nothing."""
        return self._failed.is_set()

    def channel(self, kind: type[_Channel]) -> _Channel:
        """Return a new channel."""
        return kind(self._failed)

    def start(
        self, source: Channel[Any], stage: Callable[[], None], *outputs: Channel[Any]
    ) -> None:
        """Run ``stage``, which reads ``source``; then close ``outputs``.

        What the first stage reads is closed when the pipeline is left.
        """
        number = len(self._threads)
        self._input = self._input or source

        def run() -> None:
            try:
                stage()
            except _StoppedError:
                pass
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
        if self._input is not None:
            self._input.close()
        for thread in self._threads:
            thread.join()
        if error is None and self._errors:
            raise self._errors[min(self._errors)]


class Channel(Generic[_Item]):
    """A bounded queue from one thread to another."""

    def __init__(self, failed: threading.Event) -> None:
        self._queue: Queue[_Item | None] = Queue(_QUEUE_LENGTH)
        self._failed = failed
        self._ended = False

    def send(self, item: _Item) -> None:
        """Wait for room and add ``item``."""
        self._queue.put(item)

    def close(self) -> None:
        """Tell the reader that nothing follows."""
        self._queue.put(None)

    def drain(self) -> None:
        """Read to the end, so that the sender never waits for a reader that is gone."""
        while not self._ended:
            self._ended = self._queue.get() is None

    def __iter__(self) -> Iterator[_Item]:
        """Wait for each item; end with the sender."""
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> _Item | None:
        if self._ended:
            return None
        item = self._queue.get()
        self._ended = item is None
        if self._failed.is_set():
            raise _StoppedError
        return item


class ByteChannel(Channel[bytes]):
    """A channel of buffers, none of which is empty."""

    def read(self, _size: int = -1, /) -> bytes:
        """Wait for the next buffer, of any size, and return it; an empty one at the end."""
        return self._next() or b""
