"""Jobs that need each other: each starts when those it needs are done, several at a time."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from ocistacks.errors import OcistacksError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Future

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished(Generic[_Result]):
    """What became of each job, by its name.

    ``not_tried`` holds for each job that was not started the failed ones that it needs, itself or
    through others.
    """

    results: Mapping[str, _Result]
    failures: Mapping[str, OcistacksError]
    not_tried: Mapping[str, tuple[str, ...]]


def run_in_order(
    needs: Mapping[str, Collection[str]],
    run: Callable[[str, Mapping[str, _Result]], _Result],
    *,
    workers: int,
    on_done: Callable[[], object],
) -> Finished[_Result]:
    """Run a job for each key of ``needs``, whose values are the jobs that it waits for.

    What a job needs stands before it. ``run`` gets a job's name and the results of those it needs.
    A failed job ends those that need it, and no others; an exception that is no OcistacksError ends
    all.
    """
    results: dict[str, _Result] = {}
    failures: dict[str, OcistacksError] = {}
    not_tried: dict[str, tuple[str, ...]] = {}
    waiting = dict(needs)
    running: dict[Future[_Result], str] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            while waiting or running:
                for name in _startable(waiting, results, failures, not_tried):
                    below = {one: results[one] for one in needs[name]}
                    running[pool.submit(run, name, below)] = name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for job in done:
                    name = running.pop(job)
                    try:
                        results[name] = job.result()
                    except OcistacksError as error:
                        failures[name] = error
                    on_done()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return Finished(
        results=results,
        failures={name: failures[name] for name in needs if name in failures},
        not_tried={name: not_tried[name] for name in needs if name in not_tried},
    )


def _startable(
    waiting: dict[str, Collection[str]],
    results: Mapping[str, _Result],
    failures: Mapping[str, OcistacksError],
    not_tried: dict[str, tuple[str, ...]],
) -> list[str]:
    """Take out of ``waiting`` the jobs that can start, and those that never will."""
    startable: list[str] = []
    for name, needed in list(waiting.items()):
        if not all(one in results or one in failures or one in not_tried for one in needed):
            continue
        failed = {one for one in needed if one in failures}
        failed |= {cause for one in needed for cause in not_tried.get(one, ())}
        if failed:
            not_tried[name] = tuple(sorted(failed))
        else:
            startable.append(name)
        del waiting[name]
    return startable
