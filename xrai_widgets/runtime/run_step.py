"""The step that the runtime hands to engines: progress, cancel, partial findings, work spread over joblib's backend."""

import atexit
import copy
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import joblib

from xrai_widgets.core import Finding, Step
from xrai_widgets.core.step import Arrays, Item, Partial, Result
from xrai_widgets.runtime.checkpoints import Keeper, kept_by_user
from xrai_widgets.runtime.guard import Counted, Meter, messages
from xrai_widgets.runtime.parallel import LEAST, LONG, Backend, Parallel, active
from xrai_widgets.runtime.parcel import Unsendable
from xrai_widgets.runtime.pool import in_processes, stand_by
from xrai_widgets.runtime.until import Until

FEEDER = "xrai-map"  # name of the threads that do or hand out the items of a map
_PERIOD = 0.1  # seconds between two pieces of news
_FEW_ITEMS = 256  # dispatched one by one: some milliseconds each
_PARTIAL_PERIOD = 1.0  # a partial finding costs a table and is shown less often


@dataclass(frozen=True)
class Progress:
    """How far an assessment is.

    Parameters
    ----------
    done : float
        Fraction between 0 and 1.
    note : str
    elapsed : float
        Seconds since the start.
    remaining : float, optional
        Seconds that are left if it goes on at this speed; None as long as that is unknown.
    partial : Finding, optional
        The result so far.
    """

    done: float
    note: str
    elapsed: float
    remaining: float | None
    partial: Finding | None = None


def plainly(error: BaseException) -> BaseException:
    """Return what a worker raised; one that would end or interrupt the process that waits as an error in words."""
    if isinstance(error, Exception):
        return error
    made = RuntimeError(f"a worker ended with {type(error).__name__}{f' ({error})' if str(error) else ''}")
    made.__cause__ = error
    return made


def _private(backend: Any) -> Any:
    # a joblib backend object serves one call at a time, and the end of a cancelled run overlaps with the next run
    if type(backend).__name__ == "DaskDistributedBackend":
        return backend.get_nested_backend()[0]  # a new one on the same client; a copy would lose the client
    return copy.copy(backend)


_folders: dict[int, str] = {}


def _standing_folder() -> str:
    """Return a folder that stands as long as this process lives."""
    process = os.getpid()
    if not os.path.isdir(_folders.get(process, "")):  # or cleared away from under a kernel of weeks
        folder = _folders[process] = tempfile.mkdtemp(prefix="xrai-maps-")
        atexit.register(_remove, folder, process)
    return _folders[process]


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # a fork of the kernel has no right to
        shutil.rmtree(folder, ignore_errors=True)


class RunStep(Step):
    """Progress to a listener at most ten times a second, `Cancelled` when the meter says so, parallel `map`.

    Parameters
    ----------
    meter : Meter
    listen : callable
        Gets a `Progress`, in the thread of the engine.
    backend : Parallel or (joblib's backend, n_jobs), optional
        Who works on the items of a `map`; by default what is active where the step is made.
    earlier : Finding, optional
        What an earlier, cancelled run of the same kind had found.
    checkpoints : Keeper, optional
        Where engines keep what they train; by default the user's cache.

    Attributes
    ----------
    remarks : list of str
        Why work was not spread that could have been; shared with the steps within.
    """

    def __init__(
        self,
        meter: Meter | None = None,
        listen: Callable[[Progress], None] | None = None,
        backend: Backend | None = None,
        earlier: Finding | None = None,
        checkpoints: Keeper | None = None,
    ) -> None:
        self.meter = meter or Meter()
        self.earlier = earlier
        self._checkpoints = checkpoints
        self._listen = listen
        self.backend = backend or active()
        self.remarks: list[str] = []
        self._started = time.monotonic()
        self._reported = self._shown = 0.0
        self._partial: Partial = None
        self._period = _PERIOD
        self.done = 0.0
        self.until: Until | None = None
        self._whole = self

    def enough(self, items: int, make: Callable[[], Finding]) -> bool:
        """Whether the interval that the user asked for is narrow enough."""
        return self.until is not None and self.until.reached(items, make)

    def recall(self, key: str) -> Arrays | None:
        """Return the arrays that are kept under this key; None if there are none."""
        return (self._checkpoints or kept_by_user()).recall(key)

    def keep(self, key: str, arrays: Arrays) -> None:
        """Keep arrays under this key."""
        (self._checkpoints or kept_by_user()).keep(key, arrays)

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        """Report progress; raise `Cancelled` if the run is to stop."""
        self._partial = partial or self._partial
        self.done = max(self.done, min(float(done), 1.0))
        now = time.monotonic()
        if self._listen is not None and (now - self._reported >= self._period or self.done == 1.0):
            self._reported = now
            elapsed = now - self._started
            sure = self.done > 0.02 and elapsed > 0.2
            left = elapsed / self.done * (1 - self.done) if sure else None
            shown = None
            if partial is not None and now - self._shown >= _PARTIAL_PERIOD:
                self._shown, shown = now, self.partial()
            self._listen(Progress(self.done, note, elapsed, left, shown))
        self.meter.check()

    def within(self, start: float, stop: float, *, main: bool = False, meter: Meter | None = None) -> "RunStep":
        """Return a step with the same backend whose 0 to 1 is ``start`` to ``stop`` of this one.

        Parameters
        ----------
        main : bool
            Its partial findings are those of this one, and it goes on where this one does.
        meter : Meter, optional
            By default this one's.
        """

        def listen(progress: Progress) -> None:
            self(start + progress.done * (stop - start), progress.note, progress.partial if main else None)

        earlier = self.earlier if main else None
        inner = RunStep(meter or self.meter, listen, self.backend, earlier, self._checkpoints)
        inner.remarks, inner._whole = self.remarks, self._whole
        inner._period = 0.0  # the outermost step alone holds notes back
        return inner

    def partial(self) -> Finding | None:
        """Return the latest partial finding."""
        return self._partial() if callable(self._partial) else self._partial

    @property
    def workers(self) -> int:
        """How many items of a `map` may be under way at once: what each of them takes is taken so many times."""
        return self.backend.workers if isinstance(self.backend, Parallel) else max(1, self.backend[1] or 1)

    def spread(self, function: Callable[[Item], Result], work: Collection[Item]) -> Iterable[Result]:
        """Apply ``function`` on workers where that pays; results come in order.

        Without workers a thread does it, so that Cancel need not wait for the item under way.
        """
        return self._collect(function, work)

    def _collect(self, function: Callable[[Item], Result], work: Collection[Item]) -> Iterator[Result]:
        # workers are waited for in a thread of its own, so that Cancel need not
        results: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        # once no one waits, nothing more is dispatched and what is under way ends by itself: closing joblib's generator
        # would shut the executor down, which the next run may already use
        stop = threading.Event()
        folder = tempfile.mkdtemp(dir=_standing_folder())
        args = Counted(function, folder), list(work), results, stop
        threading.Thread(target=self._feed, args=args, daemon=True, name=FEEDER).start()
        try:
            for kind, value in messages(results, self.meter):
                if kind == "end":
                    return
                if kind == "error":
                    raise value
                result, rows = value
                self.meter.count(rows)
                yield result
        finally:
            stop.set()
            os.rmdir(folder)

    def _feed(
        self, function: Counted, work: list[Any], results: "queue.SimpleQueue[tuple[str, Any]]", stop: threading.Event
    ) -> None:
        try:
            for result in self._results(function, work, stop):
                results.put(("result", result))
            results.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - whatever a worker raised is raised again where the engine waits
            results.put(("error", plainly(error)))

    def _results(self, function: Counted, work: list[Any], stop: threading.Event) -> Iterator[Any]:
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
        if left > backend.worth or left < min(LEAST, backend.worth):
            return left > backend.worth
        if backend.cluster is not None or stand_by(workers):
            return True
        run, share = time.monotonic() - self._whole._started, self._whole.done
        return share > 0 and run / share * (1 - share) > LONG

    def _spread_over(
        self, backend: Parallel, function: Counted, work: list[Any], stop: threading.Event
    ) -> Iterator[Any]:
        done = 0
        try:
            if backend.cluster is None:
                _check_no_gpu()
                results = in_processes(function, work, backend.jobs, stop, _standing_folder())
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
