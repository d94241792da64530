"""The guard around a model: counts queries, keeps budgets, and stops within a query when cancelled."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from xrai_widgets.cells.asking import stopped_by
from xrai_widgets.core import Array, Cancelled
from xrai_widgets.runtime.output_check import OutputCheck

_SLICE = 0.25  # seconds that one call of the model should take at most
_FIRST = 256
_PATIENCE = 0.05  # seconds between two looks for Cancel

_worker = threading.local()


class Meter:
    """What a run has used, and whether it may go on. Shared by all guards of the run; safe across threads.

    Parameters
    ----------
    cancel : threading.Event
        Set by whoever wants the run to stop.
    max_queries : int, optional
        Most rows the model may be asked for.
    max_seconds : float, optional
        Most wall time.
    """

    def __init__(
        self, cancel: threading.Event | None = None, max_queries: int | None = None, max_seconds: float | None = None
    ) -> None:
        self.cancel = cancel or threading.Event()
        self.max_queries, self.max_seconds = max_queries, max_seconds
        self.started = time.monotonic()
        self.queries = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `Cancelled` if the run may not go on."""
        if (why := self.stopped()) is not None:
            raise why

    def stopped(self) -> Cancelled | None:
        """Return why the run may not go on; None if it may."""
        if self.cancel.is_set():
            return Cancelled("cancelled by the user")
        if self.max_seconds is not None and time.monotonic() - self.started > self.max_seconds:
            return Cancelled(f"the time budget of {self.max_seconds:g} s is used up")
        return None

    def uncounted(self) -> "Meter":
        """Return a meter that stops with this one, but does not count."""
        spent = time.monotonic() - self.started
        return Meter(self.cancel, max_seconds=None if self.max_seconds is None else max(self.max_seconds - spent, 0.0))

    def count(self, rows: int) -> None:
        """Add rows that are about to be asked; raise `Cancelled` if they exceed the budget."""
        with self._lock:
            if self.max_queries is not None and self.queries + rows > self.max_queries:
                raise Cancelled(f"the budget of {self.max_queries:,} model queries is used up")
            self.queries += rows


def messages(inbox: "queue.SimpleQueue[tuple[str, Any]]", meter: Meter) -> Iterator[tuple[str, Any]]:
    """Yield what others put into a queue; while nothing comes, look whether the run is to stop."""
    while True:
        try:
            message = inbox.get(timeout=_PATIENCE)
        except queue.Empty:
            meter.check()
            continue
        yield message


class Guard:
    """A model function that works in slices of about a quarter of a second and asks the meter before each.

    What it returns is checked, if a check is given.
    Pickled, it loses its meter: in a worker it counts on its own, and `Counted` brings the count home.
    """

    def __init__(
        self, call: Callable[..., Array], meter: Meter | None = None, check: OutputCheck | None = None
    ) -> None:
        self._call, self._meter, self._check = call, meter, check
        self._rows = _FIRST

    def __call__(self, X: Array, *others: Array) -> Array:
        """Return what the model says for the rows of X (and of the other arrays, as labels of a gradient)."""
        parts: list[Array] = []
        start = 0
        while start < len(X) or not parts:
            stop = start + self._rows
            taken = X[start:stop]
            self._before(len(taken))
            begun = time.perf_counter()
            parts.append(self._ask(taken, *(other[start:stop] for other in others)))
            self._adapt(len(taken), time.perf_counter() - begun)
            if self._check is not None:
                self._check(parts[-1], len(taken), start, len(X))
            start = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def steerable(self) -> bool:
        """Whether the function, a gradient of logits, takes a function of them as weights."""
        return bool(getattr(self._call, "steerable", False))

    def __getstate__(self) -> dict[str, Any]:
        return {"_call": self._call, "_meter": None, "_rows": self._rows, "_check": self._check}

    def _ask(self, *arrays: Array) -> Array:
        if self._meter is None:
            return self._call(*arrays)
        with stopped_by(self._meter.stopped):
            return self._call(*arrays)

    def _before(self, rows: int) -> None:
        if self._meter is None:
            _worker.queries = getattr(_worker, "queries", 0) + rows
        else:
            self._meter.check()
            self._meter.count(rows)

    def _adapt(self, rows: int, seconds: float) -> None:
        if rows == self._rows:  # a short last slice says little about speed
            self._rows = int(np.clip(rows * _SLICE / max(seconds, 1e-6), max(1, rows // 4), rows * 4))


class Counted:
    """A function whose result comes with the number of rows its guards asked for in this thread.

    Parameters
    ----------
    function : callable
    until : str
        A folder inside a folder that the waiting process keeps as long as it lives. Once the inner one is gone, no one
        waits: a call that waits for a cell gives up, and an item that a worker takes up only now is not begun.
    """

    def __init__(self, function: Callable[[Any], Any], until: str = "") -> None:
        self._function, self._until = function, until

    def __call__(self, item: Any) -> tuple[Any, int]:
        """Return (result, rows); (None, 0) where no one waits any more."""
        before = getattr(_worker, "queries", 0)
        if os.path.isdir(os.path.dirname(self._until)):  # a worker on another machine has no such folder
            if self._gone() is not None:
                return None, 0
            try:
                with stopped_by(self._gone):
                    result = self._function(item)
            except Cancelled:
                if self._gone() is None:
                    raise
                return None, 0  # an error would end joblib's workers, which the next run may already use
        else:
            result = self._function(item)
        return result, getattr(_worker, "queries", 0) - before

    def _gone(self) -> Cancelled | None:
        return None if os.path.isdir(self._until) else Cancelled("cancelled by the user")
