"""One thread for small arrays."""

from collections.abc import Iterator
from contextlib import contextmanager

_SMALL = 200_000  # numbers in all instances together


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
