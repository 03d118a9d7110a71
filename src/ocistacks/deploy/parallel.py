"""Doing one thing to many at the same time; the first failure stops what has not begun."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int
) -> tuple[_Result, ...]:
    """Return what ``work`` returns for each item, in their order.

    Raises what ``work`` raised for the earliest item that failed, when what had begun has ended.
    """
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(work, item) for item in items]
        try:
            return tuple(job.result() for job in jobs)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
