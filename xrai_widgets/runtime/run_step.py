"""The step that the runtime hands to engines: progress, cancel, partial findings, work spread over joblib's backend."""

import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xrai_widgets.core import Finding, Step
from xrai_widgets.core.step import Arrays, Item, Partial, Result
from xrai_widgets.runtime.checkpoints import Keeper, kept_by_user
from xrai_widgets.runtime.guard import Counted, Meter, messages
from xrai_widgets.runtime.parallel import Backend, Parallel, active
from xrai_widgets.runtime.spreading import Spreading, held_to, standing_folder
from xrai_widgets.runtime.until import Until

FEEDER = "xrai-map"  # name of the threads that do or hand out the items of a map
_PERIOD = 0.1  # seconds between two pieces of news
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

    def forecast(self) -> float:
        """Return the seconds that are left at the speed so far; 0 as long as that is unknown."""
        return 0.0 if self.done <= 0 else (time.monotonic() - self._started) * (1 - self.done) / self.done

    @property
    def workers(self) -> int:
        """How many items of a `map` may be under way at once: what each of them takes is taken so many times."""
        return self.backend.workers if isinstance(self.backend, Parallel) else max(1, self.backend[1] or 1)

    def spread(
        self, function: Callable[[Item], Result], work: Collection[Item], at_most: int | None = None
    ) -> Iterable[Result]:
        """Apply ``function`` on workers where that pays; results come in order.

        Without workers a thread does it, so that Cancel need not wait for the item under way.
        """
        spreading = Spreading(held_to(at_most, self.backend), self.remarks, self._whole.forecast)
        return self._collect(function, work, spreading)

    def _collect(
        self, function: Callable[[Item], Result], work: Collection[Item], spreading: Spreading
    ) -> Iterator[Result]:
        # workers are waited for in a thread of its own, so that Cancel need not
        results: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        # once no one waits, nothing more is dispatched and what is under way ends by itself: closing joblib's generator
        # would shut the executor down, which the next run may already use
        stop = threading.Event()
        folder = tempfile.mkdtemp(dir=standing_folder())
        args = spreading, Counted(function, folder), list(work), results, stop
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
        self,
        spreading: Spreading,
        function: Counted,
        work: list[Any],
        results: "queue.SimpleQueue[tuple[str, Any]]",
        stop: threading.Event,
    ) -> None:
        try:
            for result in spreading.results(function, work, stop):
                results.put(("result", result))
            results.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - whatever a worker raised is raised again where the engine waits
            results.put(("error", plainly(error)))
