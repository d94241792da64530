"""A cell: a process of its own in which a model lives that the kernel does not trust, or cannot stop.

The kernel sends arrays and gets arrays; it makes nothing of what comes back but arrays and text. A cell has none of the
kernel's environment, an empty folder of its own, one thread, and a limit on its memory. It dies alone.
"""

import builtins
import contextlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import cloudpickle
import psutil

from xrai_widgets.cells.asking import halted
from xrai_widgets.cells.frames import Buffers, pack_value, receive, send, unpack_value
from xrai_widgets.core import Cancelled, NotApplicable

BUDGET = int(float(os.environ.get("XRAI_CELL_MEMORY_GB", "2")) * 2**30)
_GRACE = 0.4  # seconds that a call under way gets to return after Cancel
_POLL = 0.05
_KEPT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "LOKY_MAX_CPU_COUNT",
)
_RAISED = ("ValueError", "TypeError", "KeyError", "IndexError", "ArithmeticError", "NotImplementedError")
Reply = tuple[dict[str, Any], Buffers]


class CellDied(RuntimeError):
    """The process of a model ended, and the result with it."""


class Cell:
    """One process.

    Parameters
    ----------
    modules : sequence of str
        What it imports before its memory is limited.
    budget : int, optional
        Bytes that it may use beyond that; by default 2 GiB, or what ``XRAI_CELL_MEMORY_GB`` says.
    environment : {"stripped", "own"}
        Of a model from a stranger's file; of the user's own model, which may need what is set.
    enforce : bool
        Limit its address space where that is enforced; its resident size is watched in any case.
    """

    def __init__(
        self,
        modules: Sequence[str] = (),
        *,
        budget: int | None = None,
        environment: Literal["stripped", "own"] = "stripped",
        enforce: bool = True,
    ) -> None:
        self.budget = BUDGET if budget is None else budget
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[tuple[dict[str, Any], Buffers] | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        folder = tempfile.mkdtemp(prefix="xrai-cell-")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "xrai_widgets.cells.inmate"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder, environment),
        )
        self.pid = self._child.pid
        self._ended = weakref.finalize(self, _end, self._child, folder, self._requests, self.owner)
        speak = threading.Thread(
            target=_speak, args=(self._child, self._requests, self._replies), daemon=True, name="xrai-cell"
        )
        speak.start()
        head: dict[str, Any] = {"op": "start", "modules": list(modules), "budget": self.budget, "enforce": enforce}
        self._base = 2**62
        self.enforced = bool(self.tell(head)[0]["enforced"])
        self._base = self._resident()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._ended.alive and self._child.poll() is None

    def close(self) -> None:
        """End the process."""
        if os.getpid() == self.owner:
            self._ended()

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Buffers:
        """Call a function of the kernel's there; return what it packed, which only `careful` may unpack."""
        return self.tell({"op": "call"}, [cloudpickle.dumps((function, arguments), protocol=5)])[1]

    def ask(
        self, key: str, args: Sequence[Any], named: Mapping[str, Any], hold: bytes, made: Callable[[str], Any]
    ) -> Any:
        """Call a function that it holds, or that it gets from ``hold``; a returned function goes to ``made``."""
        out: Buffers = []
        head: dict[str, Any] = {"op": "ask", "key": key, "args": [pack_value(value, out) for value in args]}
        head["named"] = {name: pack_value(value, out) for name, value in named.items()}
        reply, buffers = self.tell(head, out)
        if "unknown" in reply:
            self.tell({"op": "hold"}, [hold])
            reply, buffers = self.tell(head, out)
        return unpack_value(reply["value"], buffers, made)

    def tell(self, head: dict[str, Any], buffers: Buffers | None = None) -> Reply:
        """Send a message; return the reply.

        Raises
        ------
        CellDied
            if the process ended, or needed more memory than it may have.
        Cancelled
            if the run was cancelled; a call that does not end then is killed with its process.
        Exception
            what the model raised, if it is of a common kind, else RuntimeError.
        """
        with _held(self._lock):
            if not self.alive:
                raise CellDied("the process of the model has ended")
            try:
                self._requests.put((head, buffers or []))
                reply = self._wait()
            except BaseException:
                self.close()
                raise
        if "error" in reply[0]:
            if reply[0]["error"][0] == "MemoryError":
                self.close()
                raise CellDied(self._too_much())
            raise _raised(*reply[0]["error"])
        return reply

    def _wait(self) -> Reply:
        stopped, watched = None, time.monotonic()
        while True:
            try:
                reply = self._replies.get(timeout=_POLL)
            except queue.Empty:
                now = time.monotonic()
                stopped = stopped or (now if halted() is not None else None)
                if stopped is not None and now - stopped > _GRACE:
                    raise halted() or Cancelled("cancelled by the user") from None
                if now - watched > 2 * _POLL:
                    watched = now
                    if self._resident() > self._base + self.budget:
                        raise CellDied(self._too_much()) from None
                continue
            if reply is None:
                code = self._child.wait()
                raise CellDied(
                    f"the process of the model ended (exit code {code}): the model crashed, or needed more than the "
                    f"{self.budget / 2**30:.3g} GB of memory it may have"
                )
            return reply

    def _resident(self) -> int:
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(self.pid).memory_info().rss)
        return 0

    def _too_much(self) -> str:
        return (
            f"the process of the model needed more than the {self.budget / 2**30:.3g} GB of memory it may have, and "
            "was ended; where the model is that large, set the environment variable XRAI_CELL_MEMORY_GB"
        )


class _held:
    """A lock whose holder may hang: whoever waits for it can be cancelled."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_POLL):
            if (why := halted()) is not None:
                raise why

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _environment(folder: str, kind: str) -> dict[str, str]:
    kept = dict(os.environ) if kind == "own" else {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    added = {"PYTHONPATH": paths, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    added |= dict.fromkeys(_THREADS, "1")
    if kind == "stripped":
        added |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), folder)
    return kept | added


def _speak(
    child: "subprocess.Popen[bytes]",
    requests: "queue.SimpleQueue[tuple[dict[str, Any], Buffers] | None]",
    replies: "queue.SimpleQueue[Reply | None]",
) -> None:
    """Write requests and read replies, so that whoever waits can give up."""
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(EOFError, OSError, ValueError):
        while (request := requests.get()) is not None:
            send(child.stdin, *request)
            replies.put(receive(child.stdout))
    with contextlib.suppress(OSError):
        child.stdin.close()
    child.stdout.close()
    replies.put(None)


def _end(child: "subprocess.Popen[bytes]", folder: str, requests: "queue.SimpleQueue[Any]", owner: int) -> None:
    if os.getpid() != owner:  # a fork of the kernel has no right to end it
        return
    with contextlib.suppress(OSError):
        child.kill()
    child.wait()
    requests.put(None)
    shutil.rmtree(folder, ignore_errors=True)


def _raised(names: Sequence[str], message: str, about: Sequence[str]) -> Exception:
    """Return an exception of the first common kind; nothing that the cell says is called."""
    if "NotApplicable" in names:
        return NotApplicable(about[0], about[1])
    if "ModuleNotFoundError" in names:
        return ModuleNotFoundError(message, name=about[2])
    for name in names:
        if name in _RAISED:
            made: Exception = getattr(builtins, name)(message)
            return made
    return RuntimeError(f"{names[0]}: {message}")
