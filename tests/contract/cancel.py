"""A run that is cancelled from inside its engine, and how long it goes on after that."""

import functools
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from tests.pace import slowness
from xrai_widgets.core import Assessment, Subject
from xrai_widgets.runtime import Meter, RunStep, run

START, LOOKED, LATER = "at its start", "when it has looked up twice", "0.3 s after its start"
MOMENTS = (START, LOOKED, LATER)


@dataclass(frozen=True)
class Ended:
    """How a cancelled run ended.

    Parameters
    ----------
    status : str
    asked : bool
        Whether Cancel came before the end.
    seconds, allowed : float
        How long the run went on after Cancel, and what a second is on this machine at this moment.
    """

    status: str
    asked: bool
    seconds: float
    allowed: float


class _Cancel:
    """Sets the event at its moment, and notes when."""

    def __init__(self, moment: str) -> None:
        self.moment, self.event = moment, threading.Event()
        self.at = float("nan")
        self.begun, self.looks = False, 0

    def set(self) -> None:
        if not self.event.is_set():
            self.at = time.monotonic()
            self.event.set()

    def begin(self) -> None:
        """The engine takes over: fingerprints and checks are done."""
        if self.begun:
            return
        self.begun = True
        if self.moment == START:
            self.set()
        if self.moment == LATER:
            timer = threading.Timer(0.3, self.set)
            timer.daemon = True
            timer.start()

    def look(self) -> None:
        """The engine asks the model or tells the step something."""
        self.looks += self.begun
        if self.moment == LOOKED and self.looks == 3:
            self.set()


class _Step(RunStep):
    def __init__(self, cancel: _Cancel) -> None:
        super().__init__(Meter(cancel.event))
        self._cancel = cancel

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        self._cancel.look()
        super().__call__(done, note, partial)


def cancelled(subject: Subject, entry: Assessment, moment: str) -> Ended:
    """Run an engine with its defaults on a slow model, and cancel it at the moment."""
    cancel = _Cancel(moment)
    before = slowness()
    outcome = run(_slow(subject, cancel), _watched(entry, cancel), step=_Step(cancel))
    seconds = time.monotonic() - cancel.at
    asked = cancel.event.is_set()
    return Ended(outcome.status, asked, seconds if asked else 0.0, max(before, slowness()))


def _slow(subject: Subject, cancel: _Cancel) -> Subject:
    def slowly(X: Any) -> Any:
        cancel.look()
        if cancel.begun:
            time.sleep(0.002 * len(X))
        return subject.predict(X)

    return replace(subject, predict=slowly)


def _watched(entry: Assessment, cancel: _Cancel) -> Assessment:
    @functools.wraps(entry.engine)
    def engine(*given: Any, **named: Any) -> Any:
        cancel.begin()
        return entry.engine(*given, **named)

    return replace(entry, engine=engine)
