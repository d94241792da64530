"""How the items of a map are spread: done here, in processes of this machine, on a cluster, or by joblib."""

import atexit
import copy
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import joblib

from xrai_widgets.runtime.guard import Counted
from xrai_widgets.runtime.parallel import LEAST, LONG, Backend, Parallel
from xrai_widgets.runtime.parcel import Unsendable
from xrai_widgets.runtime.pool import in_processes, stand_by

_FEW_ITEMS = 256  # dispatched one by one: some milliseconds each


def held_to(at_most: int | None, backend: Backend) -> Backend:
    """Return who works, with no more items under way on this machine than that."""
    if at_most is None:
        return backend
    if isinstance(backend, Parallel):
        return replace(backend, jobs=max(1, min(backend.jobs, at_most)))
    kind, n_jobs = backend
    return kind, max(1, min(joblib.effective_n_jobs(n_jobs), at_most)) if n_jobs is not None else n_jobs


@dataclass(frozen=True, eq=False)
class Spreading:
    """What works on the items of one map.

    Parameters
    ----------
    backend : Parallel or (joblib's backend, n_jobs)
    remarks : list of str
        Gets why work was not spread that could have been.
    forecast : callable
        Returns the seconds that the whole run has left.
    """

    backend: Backend
    remarks: list[str]
    forecast: Callable[[], float]

    def results(self, function: Counted, work: list[Any], stop: threading.Event) -> Iterator[Any]:
        """Yield what the function makes of each item, in order, until it is stopped."""
        if isinstance(self.backend, Parallel):
            yield from self._where_it_pays(self.backend, function, work, stop)
            return
        backend, n_jobs = self.backend
        kind = type(backend).__name__
        if n_jobs in (None, 1) or kind == "SequentialBackend":
            yield from _here(function, work, stop)
        elif kind == "LokyBackend":
            yield from self._spread_over(Parallel(joblib.effective_n_jobs(n_jobs)), function, work, stop)
        else:
            # joblib packs short items into batches, which leaves a worker idle at the end of a short list
            size: Any = 1 if len(work) <= _FEW_ITEMS else "auto"
            with joblib.parallel_config(backend=_private(backend), n_jobs=n_jobs):
                workers = joblib.Parallel(return_as="generator", batch_size=size)
                yield from workers(joblib.delayed(function)(item) for item in work if not stop.is_set())

    def _where_it_pays(
        self, backend: Parallel, function: Counted, work: list[Any], stop: threading.Event
    ) -> Iterator[Any]:
        """Begin here; hand the rest to workers once the items done tell that it is worth starting them."""
        done, spent = 0, 0.0
        if backend.jobs > 1 or backend.cluster is not None:
            while len(work) - done > 1 and not stop.is_set():
                left = len(work) - done
                if backend.worth <= 0 or (done and self._pays(backend, spent / done * left, min(backend.jobs, left))):
                    yield from self._spread_over(backend, function, work[done:], stop)
                    return
                began = time.perf_counter()
                result = function(work[done])
                spent, done = spent + time.perf_counter() - began, done + 1
                yield result
        yield from _here(function, work[done:], stop)

    def _pays(self, backend: Parallel, left: float, workers: int) -> bool:
        """Whether workers are worth their start for so many seconds of this map."""
        if left > backend.worth:
            return True
        ready = backend.cluster is not None or stand_by(workers)
        return left > LEAST and (ready or self.forecast() > LONG)

    def _spread_over(
        self, backend: Parallel, function: Counted, work: list[Any], stop: threading.Event
    ) -> Iterator[Any]:
        done = 0
        try:
            if backend.cluster is None:
                _check_no_gpu()
                results = in_processes(function, work, backend.jobs, stop, standing_folder())
            else:
                results = backend.cluster.results(function, work, stop)
            for result in results:
                done += 1
                yield result
        except Unsendable as error:
            remark = f"Ran on one core: {error}."
            if remark not in self.remarks:
                self.remarks.append(remark)
            yield from _here(function, work[done:], stop)


def _check_no_gpu() -> None:
    """Refuse workers where this process uses a GPU: each of them would take its memory, and they would wait for it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise Unsendable("the GPU is busy with one process")


def _here(function: Counted, work: list[Any], stop: threading.Event) -> Iterator[Any]:
    for item in work:
        if stop.is_set():
            return
        yield function(item)


def _private(backend: Any) -> Any:
    # a joblib backend object serves one call at a time, and the end of a cancelled run overlaps with the next run
    if type(backend).__name__ == "DaskDistributedBackend":
        return backend.get_nested_backend()[0]  # a new one on the same client; a copy would lose the client
    return copy.copy(backend)


_folders: dict[int, str] = {}


def standing_folder() -> str:
    """Return a folder that stands as long as this process lives."""
    process = os.getpid()
    if not os.path.isdir(_folders.get(process, "")):  # or cleared away from under a kernel of weeks
        folder = _folders[process] = tempfile.mkdtemp(prefix="xrai-maps-")
        atexit.register(_remove, folder, process)
    return _folders[process]


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # a fork of the kernel has no right to
        shutil.rmtree(folder, ignore_errors=True)
