"""How many cores a run may use, and which: those of this machine, or the workers of a cluster."""

import os
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import joblib

from xrai_widgets.io.store_place import served
from xrai_widgets.runtime.cluster import Cluster

JOBS = "XRAI_JOBS"
WORTH = 5.0  # seconds of work that a map must have left for workers to be started: each takes about 2 s to be there
LONG = 10.0  # of a run that has as many left, all in all, less of it in one map is enough: they serve its other maps
LEAST = 1.5  # seconds that a map must have left then, or where workers stand by
_WORKER, _WITH_TORCH = 0.3, 0.7  # GB of a worker process before it does anything
_KEPT_FREE = 0.2  # share of the free memory that workers leave alone
_GB = 1e9
_CGROUPS = (  # limit and use of a container's memory: versions 2 and 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_thread = threading.local()


@dataclass(frozen=True)
class Parallel:
    """Where the items of a map are worked on.

    Parameters
    ----------
    jobs : int
        Most processes at once; 1 is serial.
    cluster : Cluster, optional
        Its workers do it instead.
    worth : float
        Seconds of work that a map must have left for workers to be started, as the items done so far tell.
    """

    jobs: int = 1
    cluster: Cluster | None = None
    worth: float = WORTH

    @property
    def workers(self) -> int:
        """How many items may be under way at once."""
        return self.jobs if self.cluster is None else max(1, self.cluster.threads)


Backend = Parallel | tuple[Any, int]


def cores() -> int:
    """Return the number of physical cores that this process may use, within the limits of its container."""
    return max(1, int(joblib.cpu_count(only_physical_cores=True)))


def default_jobs() -> int:
    """Return how many cores a run may use where nothing else is said: ``XRAI_JOBS``, or all.

    Raises
    ------
    ValueError
        if the setting is no whole number of at least 1.
    """
    setting = os.environ.get(JOBS, "").strip()
    return cores() if not setting else checked_jobs(setting, JOBS)


def most_jobs() -> int:
    """Return how many cores a page may ask for: of a server's visitor the share of the seat, else all."""
    return default_jobs() if served() else max(cores(), default_jobs())


def with_jobs(backend: Backend, jobs: int) -> Backend:
    """Return the same with another number of cores, where it is about cores of this machine."""
    return replace(backend, jobs=jobs) if isinstance(backend, Parallel) and backend.cluster is None else backend


def checked_jobs(jobs: object, name: str = "jobs") -> int:
    """Return a number of cores, or say what is allowed."""
    try:
        number = int(str(jobs))
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} must be a whole number of cores, at least 1, got {jobs!r}; without it all are used")
    return number


def active() -> Backend:
    """Return what runs of this thread work with: `parallel`, else joblib's own setting, else all cores."""
    chosen: Parallel | None = getattr(_thread, "parallel", None)
    if chosen is not None:
        return chosen
    backend, n_jobs = joblib.parallel.get_active_backend()
    if n_jobs is None and type(backend).__name__ == "LokyBackend":  # joblib's default: no one asked for it
        return Parallel(default_jobs())
    return backend, n_jobs


class parallel:
    """Say how many cores assessments may use, or which cluster works for them.

    It holds from now on in this thread, until it is said anew, and inside ``with`` until the block ends; then a cluster
    is left. Numbers do not depend on it. Without
    it runs use all physical cores that the process may use, or ``XRAI_JOBS``. Workers are started where at least 5 s of
    work are left, or 10 s of the whole run, as the first items tell, and as many as the free memory holds; short work
    is done here.

    Parameters
    ----------
    jobs : int, optional
        Most worker processes on this machine; 1 for none.
    cluster : str, optional
        Address of the scheduler of a Dask cluster, as ``"tcp://10.0.0.5:8786"``, which runs already; needs the extra
        ``dask``. Who can reach a scheduler can run code on it and on everybody that it serves: name only your own.

    Raises
    ------
    ValueError
        for a number below 1, or workers with other versions of Python or of packages that the numbers depend on.
    ConnectionError
        if no scheduler answers.

    Examples
    --------
    >>> with xw.parallel(jobs=4):  # doctest: +SKIP
    ...     outcome = xw.assess(subject, "privacy.pdtp")
    """

    def __init__(self, *, jobs: int | None = None, cluster: str | None = None) -> None:
        if jobs is not None and cluster is not None:
            raise ValueError("jobs= is for this machine and cluster= for others: give one of them")
        self._before: Parallel | None = getattr(_thread, "parallel", None)
        number = default_jobs() if jobs is None else checked_jobs(jobs)
        self.chosen = Parallel(number, None if cluster is None else Cluster.at(cluster))
        _thread.parallel = self.chosen

    def __enter__(self) -> Parallel:
        return self.chosen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _thread.parallel = self._before
        if self.chosen.cluster is not None:
            self.chosen.cluster.close()


def held_by_memory(jobs: int, sent: float) -> int:
    """Return how many of so many workers the free memory holds.

    Parameters
    ----------
    sent : float
        Bytes that each of them keeps of what it is sent.
    """
    each = (_WITH_TORCH if "torch" in sys.modules else _WORKER) * _GB + 2 * sent
    return max(0, min(jobs, int(free_memory() * (1 - _KEPT_FREE) // each)))


def free_memory() -> float:
    """Return the bytes of memory that are free for this process, within the limit of its container."""
    import psutil

    free = float(psutil.virtual_memory().available)
    for limit, used in _CGROUPS:
        try:
            left = float(Path(limit).read_text()) - float(Path(used).read_text())
        except (OSError, ValueError):  # no such container, or one without a limit: "max"
            continue
        free = min(free, max(left, 0.0))
    return free
