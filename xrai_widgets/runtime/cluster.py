"""Workers of a Dask cluster that runs already: data is sent once, results come as they end."""

import contextlib
import importlib
import platform
import queue
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import cloudpickle

import xrai_widgets
from xrai_widgets.core import Cancelled
from xrai_widgets.runtime.parcel import Unsendable, sendable

_PATIENCE = 0.05  # seconds between two looks for Cancel
_TIMEOUT = 10.0  # seconds in which a scheduler must answer
_AGAIN = 3  # times that what a cluster has lost is sent anew, with nothing done between
# numbers, or what is sent, depend on these
_NEEDED = ("numpy", "scipy", "pandas", "scikit-learn", "cloudpickle")
_OPTIONAL = ("torch", "xgboost", "lightgbm", "catboost", "onnxruntime", "adversarial-robustness-toolbox", "distributed")


class Cluster:
    """A connection to the scheduler of a Dask cluster.

    Parameters
    ----------
    address : str
    client : distributed.Client
    """

    def __init__(self, address: str, client: Any) -> None:
        self.address, self._client = address, client
        self._leave = weakref.finalize(self, _left, client)  # also when nobody refers to it any more, and at the end

    @classmethod
    def at(cls, address: str) -> "Cluster":
        """Connect, and refuse a cluster on which the numbers could be others.

        Raises
        ------
        ModuleNotFoundError, ConnectionError, ValueError
            saying what is missing, who does not answer, or which versions differ.
        """
        try:
            distributed = importlib.import_module("distributed")
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError("a cluster needs the extra dask: pip install 'xrai-widgets[dask]'") from missing
        try:
            client = distributed.Client(address, timeout=_TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:  # OSError: nobody there; ValueError: not an address
            ways = "an address looks as tcp://10.0.0.5:8786, and `dask scheduler` prints its own"
            raise ConnectionError(f"no Dask scheduler answers at {address}: {ways}") from error
        connected = cls(address, client)
        with contextlib.ExitStack() as undo:
            undo.callback(connected.close)
            connected._check()
            undo.pop_all()
        return connected

    @property
    def threads(self) -> int:
        """How many items it works on at once."""
        return sum(self._client.nthreads().values())

    def close(self) -> None:
        """Leave the cluster; it goes on without this process."""
        self._leave()

    def _check(self) -> None:
        here, there = installed(), self._client.run(installed)
        if not there:
            start = f"start one with `dask worker {self.address}`"
            raise ValueError(f"the cluster at {self.address} has no workers: {start}")
        if differences := differing(here, there):
            raise ValueError(
                f"versions differ between this machine and workers of the cluster at {self.address}, so that numbers "
                f"could differ: {'; '.join(differences)}. Install the same ones on all machines"
            )

    def results(self, function: Callable[[Any], Any], work: list[Any], stop: threading.Event) -> Iterator[Any]:
        """Yield ``function(item)`` for every item, in order.

        Raises
        ------
        Unsendable
            if the function or an item cannot be pickled, or not be read by a worker.
        Cancelled
            if the scheduler is gone, or workers end whatever they are given.
        """
        try:
            sent = cloudpickle.dumps(function, protocol=5)
            parts = [cloudpickle.dumps(item, protocol=5) for item in work]
        except Exception as error:  # what a model of any library raises when it is pickled
            raise Unsendable(f"the work cannot be sent to a cluster ({error})") from error
        run = _OnCluster(self, self._client, sent, parts, stop)
        try:
            yield from run.results()
        finally:
            run.give_up()


def _left(client: Any) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        client.close()


class _OnCluster:
    def __init__(self, cluster: Cluster, client: Any, sent: bytes, parts: list[bytes], stop: threading.Event) -> None:
        self._cluster, self._client, self._sent, self._parts, self._stop = cluster, client, sent, parts, stop
        self._name = f"xrai-{uuid.uuid4().hex}"
        self._ended: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._futures: dict[int, Any] = {}
        self._done: dict[int, Any] = {}
        self._lost = 0

    def results(self) -> Iterator[Any]:
        self._hand_out()
        for number in range(len(self._parts)):
            while number not in self._done:
                if self._stop.is_set():
                    return
                if self._client.status != "running":
                    raise self._gone()
                with contextlib.suppress(queue.Empty):
                    self._take_in(*self._ended.get(timeout=_PATIENCE))
            yield self._done.pop(number)

    def give_up(self) -> None:
        """Let the cluster forget what nobody waits for."""
        if self._futures and self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError):
                self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()

    def _hand_out(self) -> None:
        try:  # to all workers: while one of them lives, the function is not lost
            function = self._client.scatter(_Sent(self._sent), broadcast=True, hash=False)
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        for number, part in enumerate(self._parts):
            if number in self._done or number in self._futures:
                continue
            key = f"{self._name}-{self._lost}-{number}"
            future = self._client.submit(_on_worker, function, part, key=key, pure=False)
            self._futures[number] = future
            future.add_done_callback(lambda ended, number=number: self._ended.put((number, ended)))

    def _gone(self) -> Cancelled:
        return Cancelled(f"the scheduler of the cluster at {self._cluster.address} is gone; what was done is kept")

    def _take_in(self, number: int, future: Any) -> None:
        if number not in self._futures or self._futures[number] is not future:
            return  # of an earlier attempt
        del self._futures[number]
        if future.status == "finished":
            self._done[number], self._lost = future.result(), 0
        elif future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                raise Cancelled("an item ended every worker of the cluster that was given it; what was done is kept")
            raise error
        elif self._client.status == "running":  # the function was lost with the workers that held it
            self._lost += 1
            if self._lost > _AGAIN:
                raise Cancelled(f"the cluster at {self._cluster.address} loses what it is sent; what was done is kept")
            self._hand_out()


class _Sent:
    """A pickled function, which each worker reads once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._function: Callable[[Any], Any] | None = None

    def __getstate__(self) -> bytes:
        return self._data

    def __setstate__(self, data: bytes) -> None:
        self._data, self._function = data, None

    def function(self) -> Callable[[Any], Any]:
        if self._function is None:
            self._function = cloudpickle.loads(self._data)
        made: Callable[[Any], Any] = self._function
        return made


def _on_worker(sent: _Sent, part: bytes) -> Any:
    try:
        function, item = sent.function(), cloudpickle.loads(part)
    except Exception as error:  # noqa: BLE001 - whatever a module does that is not there as it is here
        raise Unsendable(f"a worker of the cluster cannot read the work ({type(error).__name__}: {error})") from None
    try:
        return function(item)
    except Exception as error:  # noqa: BLE001 - whatever a model raises
        raise sendable(error) from None


def installed() -> dict[str, str]:
    """Return the versions in this process that numbers depend on."""
    versions = {"Python": ".".join(platform.python_version_tuple()[:2]), "xrai-widgets": xrai_widgets.__version__}
    for name in (*_NEEDED, *_OPTIONAL):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def differing(here: dict[str, str], there: dict[str, dict[str, str]]) -> list[str]:
    """Return, in words, which versions differ on which workers; an optional package may be missing on one side."""
    words = []
    for name, local in here.items():
        others = {versions.get(name, "" if name in _OPTIONAL else "none") for versions in there.values()} - {local, ""}
        if others:
            words.append(f"{name} {local} here, {' and '.join(sorted(others))} there")
    return words
