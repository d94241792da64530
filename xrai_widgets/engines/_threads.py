"""Threads of our own over tiles instead of those of the BLAS, and fewer of those where there is little to share."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_MOST = 8  # each thread holds a tile
_SMALL = 200_000  # numbers in all instances together

_lock = threading.Lock()
_inside = 0
_limit: AbstractContextManager[Any] | None = None


@contextmanager
def calm(numbers: int) -> Iterator[None]:
    """Keep OpenMP to one thread in this thread, where there is little to share out.

    The threads of torch wait for each other by spinning: on a busy machine a small network takes ten times the
    processor time with them, and on a quiet one it is no faster.
    """
    if numbers > _SMALL:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "openmp"):
        yield


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep the BLAS to one thread: its threads would wait by spinning while ours take exponentials.

    The limit is the process's. It is set by the first who enters and lifted by the last who leaves.
    """
    global _inside, _limit
    from threadpoolctl import threadpool_limits

    with _lock:
        _inside += 1
        if _inside == 1:
            _limit = threadpool_limits(1, "blas")
            _limit.__enter__()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _limit is not None:
                _limit.__exit__(None, None, None)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` in order; whoever stops asking waits for the few items that are under way."""
    workers = min(_cores(), _MOST)
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
