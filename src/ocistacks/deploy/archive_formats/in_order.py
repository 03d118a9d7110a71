"""Work on the parts of a stream on several threads, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Part], Result], parts: Iterable[Part], *, threads: int, ahead: int
) -> Iterator[Result]:
    """Yield what ``work`` makes of each of ``parts``, in their order.

    ``parts`` are taken on the caller's thread; no more than ``ahead`` of them are under way or
    wait for their turn. An error of ``work`` or ``parts`` ends the iteration; what has not been
    started then is not started.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
