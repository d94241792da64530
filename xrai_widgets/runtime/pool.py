"""Worker processes of this machine: spawned, kept for the next run, and replaced when one of them is killed."""

import os
import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cloudpickle
from joblib.externals.loky.backend.utils import kill_process_tree
from joblib.externals.loky.process_executor import ProcessPoolExecutor, ShutdownExecutorError

from xrai_widgets.runtime.parallel import cores, held_by_memory
from xrai_widgets.runtime.parcel import Unsendable, pack, sendable, unpack

_IDLE = 60  # seconds after which a worker without work ends
_AHEAD = 2  # items per worker that are handed out: one under way, one to go on with
_PATIENCE = 0.05  # seconds between two looks for Cancel
_GRACE = 2.0  # seconds that items have to end which nobody waits for any more; then their workers are ended
_DEATHS = 3  # workers that die one after the other, with nothing done between, before the run gives up
_THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
)
_pools: dict[tuple[int, int], ProcessPoolExecutor] = {}
_lock = threading.Lock()
_held: dict[str, Callable[[Any], Any]] = {}  # in a worker: the function of the map it works for


class WorkerDied(RuntimeError):
    """Workers end whatever they are given to do."""


def in_processes(
    function: Callable[[Any], Any], work: list[Any], jobs: int, stop: threading.Event, folder: str
) -> Iterator[Any]:
    """Yield ``function(item)`` for every item, in order, from worker processes.

    The function travels once, by a file that all workers read. A worker that is killed costs the items that were under
    way: they are done again.

    Parameters
    ----------
    jobs : int
        Most workers at once; fewer where the free memory does not hold them.
    stop : threading.Event
        Ends it; items that are handed out already are not begun any more.
    folder : str
        One that stands as long as this process.

    Raises
    ------
    Unsendable
        if the function or an item cannot be pickled, or not be read by a worker, or memory holds no second process.
    WorkerDied
        if three workers in a row die before anything is done.
    """
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as parcel:
        try:
            kept = pack(function, Path(parcel))
            parts = [cloudpickle.dumps(item) for item in work]
        except Exception as error:  # what a model of any library raises when it is pickled
            raise Unsendable(f"the work cannot be sent to other processes ({error})") from error
        if (workers := held_by_memory(min(jobs, len(work)), kept)) < 2:
            raise Unsendable("the free memory does not hold two worker processes")
        spread = _Spread(parts, workers, stop, parcel)
        try:
            yield from spread.results()
        finally:
            spread.leave()


class _Spread:
    """Items that are handed to a pool, a few at a time."""

    def __init__(self, parts: list[bytes], workers: int, stop: threading.Event, parcel: str) -> None:
        self._parts, self._workers, self._stop, self._parcel = parts, workers, stop, parcel
        self._waiting, self._under_way = deque(range(len(parts))), dict[Future[Any], int]()
        self._done: dict[int, Any] = {}
        self._deaths = 0

    def results(self) -> Iterator[Any]:
        for number in range(len(self._parts)):
            while number not in self._done:
                if self._stop.is_set():
                    return
                self._hand_out()
                self._take_in()
            yield self._done.pop(number)

    def leave(self) -> None:
        """See to it that what is under way, and nobody waits for, does not hold the next run up."""
        left = [future for future in self._under_way if not future.done()]
        self._under_way.clear()
        if left:
            args = left, self._workers
            threading.Thread(target=_end_if_hung, args=args, daemon=True, name="xrai-grace").start()

    def _hand_out(self) -> None:
        while self._waiting and len(self._under_way) < _AHEAD * self._workers:
            number = self._waiting.popleft()
            try:
                future = _pool(self._workers).submit(_in_worker, self._parcel, self._parts[number])
            except (BrokenProcessPool, ShutdownExecutorError):
                self._waiting.appendleft(number)
                self._a_worker_died()
                return
            self._under_way[future] = number

    def _take_in(self) -> None:
        ended, _ = wait(self._under_way, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
        lost = []
        for future in ended:
            number = self._under_way.pop(future)
            try:
                self._done[number] = future.result()
                self._deaths = 0
            except (BrokenProcessPool, ShutdownExecutorError):  # the latter: an earlier run's hung, see `leave`
                lost.append(number)
        if lost:  # what the other workers had begun is lost with them
            self._waiting.extendleft(sorted([*lost, *self._under_way.values()], reverse=True))
            self._under_way.clear()
            self._a_worker_died()

    def _a_worker_died(self) -> None:
        self._deaths += 1
        if self._deaths >= _DEATHS:
            raise WorkerDied(
                f"{_DEATHS} worker processes died one after the other before anything was done (out of memory, or the "
                "model ends the process that asks it): run it on one core, with jobs=1"
            )
        _drop(self._workers)


def stand_by(workers: int) -> bool:
    """Return whether so many workers were started already, so that more work costs no start."""
    with _lock:
        kept = _pools.get((os.getpid(), workers))
        return kept is not None and sum(one.is_alive() for one in kept._processes.values()) >= workers


def _pool(workers: int) -> ProcessPoolExecutor:
    key = (os.getpid(), workers)  # a fork of this process has none
    with _lock:
        if key not in _pools:
            _pools[key] = ProcessPoolExecutor(workers, timeout=_IDLE, env=_shares(workers))
        return _pools[key]


def _shares(workers: int) -> dict[str, str]:
    """Return the settings by which BLAS, torch and joblib take no more threads than a worker's share of the cores."""
    share = max(1, cores() // workers)
    limits = {}
    for name in _THREADS:
        setting = os.environ.get(name, "")
        limits[name] = str(min(share, int(setting)) if setting.isdigit() and int(setting) else share)
    return limits


def _drop(workers: int) -> None:
    with _lock:
        broken = _pools.pop((os.getpid(), workers), None)
    if broken is not None:
        broken.shutdown(wait=False, kill_workers=True)


def _end_if_hung(left: list[Future[Any]], workers: int) -> None:
    """End the workers of items that do not end by themselves; other runs get new ones, and what they had begun anew."""
    with _lock:
        theirs: Any = _pools.get((os.getpid(), workers))
    _, hung = wait(left, timeout=_GRACE)
    with _lock:
        if not hung or _pools.get((os.getpid(), workers)) is not theirs:
            return  # they ended, or another run has new workers already
        _pools.pop((os.getpid(), workers), None)
    for worker in tuple(getattr(theirs, "_processes", {}).values()):
        kill_process_tree(worker)  # loky takes it for a crash; its own way to end them fails where items wait


def _in_worker(parcel: str, part: bytes) -> tuple[Any, int]:
    """Do one item; none where no one waits any more."""
    try:
        if parcel not in _held:
            _held.clear()
            _held[parcel] = unpack(Path(parcel))
        item = pickle.loads(part)
    except Exception as error:  # noqa: BLE001 - whatever a module does that is not there as it is here
        if not os.path.isdir(parcel):
            return None, 0
        raise Unsendable(f"another process cannot read the work ({type(error).__name__}: {error})") from None
    try:
        result: tuple[Any, int] = _held[parcel](item)
    except BaseException as error:  # noqa: BLE001 - one that the waiting process cannot read would end all workers
        raise sendable(error) from None
    return result
