"""Engines that cannot be stopped run in a process of their own, which can be killed."""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import psutil

from xrai_widgets.core import Assessment, Finding, Subject
from xrai_widgets.runtime.call import call_engine
from xrai_widgets.runtime.checkpoints import answer
from xrai_widgets.runtime.guard import messages
from xrai_widgets.runtime.parallel import JOBS, Parallel
from xrai_widgets.runtime.parcel import Unsendable, pack
from xrai_widgets.runtime.run_step import RunStep


class ProcessDied(RuntimeError):
    """The process ended without a result: it crashed, or was killed."""


def call_isolated(subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep) -> Finding:
    """Run the engine in a fresh process; progress and partial findings come back through a pipe.

    The process is started anew, never forked, and does not run the caller's script again. Arrays are shared through
    memory-mapped files. What cannot be pickled runs in this thread instead and says so.

    Raises
    ------
    Cancelled
        after the process was killed.
    RuntimeError
        if the process died.
    """
    try:
        finding: Finding = call_in_process(_continued, (step.earlier, subject, entry, dict(params)), step)
    except Unsendable as error:
        return _in_thread(subject, entry, params, step, error)
    return finding


def call_in_process(function: Callable[..., Any], arguments: tuple[Any, ...], step: RunStep) -> Any:
    """Return ``function(*arguments, step)`` from a fresh process.

    Raises
    ------
    Unsendable
        if function or arguments cannot be pickled.
    ProcessDied
        if the process died.
    Exception
        whatever the function raised.
    """
    with tempfile.TemporaryDirectory(prefix="xrai-") as folder:
        try:
            pack((function, arguments), Path(folder))
        except Exception as error:  # what a model of any library raises when it is pickled
            raise Unsendable(str(error)) from error
        child = subprocess.Popen(
            [sys.executable, "-m", "xrai_widgets.runtime.worker", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_settings(step), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            return _listen(child, step)
        finally:
            _end(child)
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


def _settings(step: RunStep) -> dict[str, str]:
    """Return how many cores the process may use: as many as this one; a cluster is not connected to from there."""
    return {JOBS: str(step.backend.jobs)} if isinstance(step.backend, Parallel) else {}


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the process and those that it started: the cell of a model that hangs."""
    with contextlib.suppress(psutil.Error):
        for inner in psutil.Process(child.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                inner.kill()
    child.kill()
    child.wait()


def _continued(
    earlier: Finding | None, subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep
) -> Finding:
    """Call the engine in the process of its own, where the step is new and knows of no earlier run."""
    step.earlier = earlier
    return call_engine(subject, entry, params, step)


def _in_thread(
    subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep, error: Exception
) -> Finding:
    step(0.0, "the model cannot be sent to a process of its own: Cancel waits for the current call")
    finding = call_engine(subject, entry, params, step)
    return replace(finding, notes=(*finding.notes, f"Ran in the notebook's own process: {error}."))


def _listen(child: "subprocess.Popen[bytes]", step: RunStep) -> Any:
    inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    errors: list[bytes] = []
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    threading.Thread(target=_read, args=(child.stdout, inbox), daemon=True).start()
    threading.Thread(target=lambda pipe: errors.append(pipe.read()), args=(child.stderr,), daemon=True).start()
    for kind, value in messages(inbox, step.meter):
        if kind == "progress":
            step(*value)
        elif kind == "queries":
            step.meter.count(value)
        elif kind == "keep":
            step.keep(*value)
        elif kind == "recall":
            answer(child.stdin, step.recall(value))
        elif kind == "result":
            return value
        elif kind == "raised":
            raise value
        else:
            break
    code = child.wait()
    last_line = errors[0].decode(errors="replace").strip().splitlines()[-1:] if errors else []
    raise ProcessDied(f"the process of the assessment ended with exit code {code} {''.join(last_line)}")


def _read(pipe: IO[bytes], inbox: "queue.SimpleQueue[tuple[str, Any]]") -> None:
    with contextlib.suppress(EOFError, ValueError, OSError, pickle.UnpicklingError):
        while True:
            inbox.put(pickle.load(pipe))
    inbox.put(("died", None))
