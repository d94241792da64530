"""Work in the background, with news on the thread that asked for it."""

import asyncio
import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from xrai_widgets.runtime.parallel import active
from xrai_widgets.runtime.run_step import FEEDER

Result = TypeVar("Result")
State = Literal["waiting", "running", "done", "failed"]
_running: "weakref.WeakSet[Job[Any]]"
_FAREWELL = 5.0  # seconds that the end of the process waits for jobs, all together


def working() -> bool:
    """Return whether any job of this process runs."""
    return bool(_running)


def last_news() -> float:
    """Return when news of any job was delivered last, on the clock `time.monotonic`."""
    return _last_news


class Job(Generic[Result]):
    """A function in a daemon thread.

    News is handed to ``listen`` on the event loop of the thread that made the job: the one that owns its widgets, which
    under some Jupyter versions is not the main thread. Without a loop, as in a script, `wait` delivers it.

    Parameters
    ----------
    work : callable
        Gets the job; calls ``job.post(news)`` whenever there is some.
    listen : callable
        Gets every posted object and, at the end, the job itself.

    Attributes
    ----------
    cancel_event : threading.Event
        Set by `cancel`; the work looks at it.
    backend : Parallel or (joblib's backend, n_jobs)
        What was active where the job was made: `parallel` is of its thread, so the work enters it again.
    """

    def __init__(self, work: Callable[["Job[Result]"], Result], listen: Callable[[Any], None] | None = None) -> None:
        self._work, self._listen = work, listen
        self.cancel_event = threading.Event()
        self.backend = active()
        self.state: State = "waiting"
        self.result: Result | None = None
        self.error: BaseException | None = None
        self._news: deque[Any] = deque()
        self._ended = threading.Event()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def start(self) -> "Job[Result]":
        """Start the thread and return at once."""
        self.state = "running"
        _running.add(self)
        threading.Thread(target=self._go, daemon=True, name="xrai-job").start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; it does so at its next step or query to the model."""
        self.cancel_event.set()

    def post(self, news: Any) -> None:
        """Hand an object to the listener, in order, on the thread that made the job. Called by the work."""
        self._news.append(news)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, delivering news meanwhile; return whether it came. For scripts and tests."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ended.wait(0.01):
            self._deliver()
            if deadline is not None and time.monotonic() > deadline:
                return False
        self._deliver()
        return True

    def _go(self) -> None:
        try:
            self.result = self._work(self)
            self.state = "done"
        except BaseException as error:  # noqa: BLE001 - an exception in a thread would vanish: it is kept and reported
            self.error, self.state = error, "failed"
        _running.discard(self)
        self._ended.set()
        self.post(self)

    def _deliver(self) -> None:
        global _last_news
        while self._news:
            _last_news = time.monotonic()
            news = self._news.popleft()
            if self._listen is not None:
                self._listen(news)


_running = weakref.WeakSet()
_last_news = float("-inf")


@atexit.register
def _end_all() -> None:
    """Cancel what runs when the process ends: a thread inside a compiled library would bring it down with an abort."""
    deadline = time.monotonic() + _FAREWELL
    running = list(_running)
    for job in running:
        job.cancel()
    for job in running:
        job._ended.wait(max(0.0, deadline - time.monotonic()))
    for thread in threading.enumerate():  # the item that was under way when its run was cancelled
        if thread.name == FEEDER:
            thread.join(max(0.0, deadline - time.monotonic()))
