"""``step.map`` on whatever joblib backend is active, and on the cores that nobody asked for."""

import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import psutil
import pytest

import xrai_widgets as xw
from tests.pace import slowness
from xrai_widgets.core import (
    Array,
    Assessment,
    Cancelled,
    Finding,
    NotApplicable,
    Predict,
    Step,
    Subject,
    assessment,
    quiet,
)
from xrai_widgets.core.assessment import _registry, find
from xrai_widgets.runtime import Job, Meter, RunStep, forecast, parallel, pool, run, run_plan
from xrai_widgets.runtime.cluster import Cluster
from xrai_widgets.runtime.parallel import Parallel, active, cores, default_jobs, held_by_memory
from xrai_widgets.runtime.spreading import Spreading, held_to

BACKENDS = ("serial", "threading", "loky", "dask")


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def under(name: str, request: pytest.FixtureRequest) -> Iterator[None]:
    if name == "serial":
        yield
        return
    if name == "dask":
        request.getfixturevalue("dask")
    with joblib.parallel_config(backend=name, n_jobs=2):
        yield


def square(number: int) -> int:
    return number * number


def process(_: int) -> tuple[int, str]:
    time.sleep(0.05)
    return os.getpid(), threading.current_thread().name


def fail(number: int) -> int:
    if number == 3:
        raise ValueError("three is refused")
    return number


def sleepy(_: int) -> None:
    time.sleep(4)


def nap(number: int) -> int:
    time.sleep(0.3)  # as long as joblib takes for a task of its own: it puts shorter ones together
    return number


class AskModel:
    def __init__(self, predict: Predict, X: Array) -> None:
        self.predict, self.X = predict, X

    def __call__(self, number: int) -> float:
        return float(self.predict(self.X[: number + 1]).sum())


def asks_in_parallel(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask the model in parallel."""
    sums = list(step.map(AskModel(predict, X), range(10)))
    return Finding({"total": sum(sums)}, {"total": (0, sum(sums))}, {"total": 10})


@pytest.fixture
def parallel_engine() -> Iterator[Assessment]:
    assessment(title="asks in parallel")(asks_in_parallel)
    yield find("custom.asks_in_parallel")
    _registry.pop("custom.asks_in_parallel")


@pytest.mark.parametrize("name", BACKENDS)
def test_results_come_in_order(name: str, request: pytest.FixtureRequest) -> None:
    with under(name, request):
        assert list(RunStep().map(square, range(20))) == [number * number for number in range(20)]


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_work_is_spread_over_workers(name: str, request: pytest.FixtureRequest) -> None:
    with under(name, request):
        seen = set(RunStep().map(process, range(8)))
    assert len(seen) == 2
    assert all((pid == os.getpid()) == (name == "threading") for pid, _ in seen)


@pytest.mark.parametrize("name", BACKENDS)
def test_what_a_worker_raises_is_raised_where_the_engine_waits(name: str, request: pytest.FixtureRequest) -> None:
    with under(name, request), pytest.raises(ValueError, match="three is refused"):
        list(RunStep().map(fail, range(6)))


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_cancel_does_not_wait_for_the_workers(name: str, request: pytest.FixtureRequest) -> None:
    cancel = threading.Event()
    with under(name, request):
        step = RunStep(Meter(cancel))
    threading.Timer(0.5, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(step.map(sleepy, range(2)))
    assert time.monotonic() - began < 1.5 * slowness()


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_the_end_of_a_cancelled_run_does_not_disturb_the_next_one(name: str, request: pytest.FixtureRequest) -> None:
    cancel = threading.Event()
    with under(name, request):
        first, second = RunStep(Meter(cancel)), RunStep()
    threading.Timer(0.5, cancel.set).start()
    with pytest.raises(Cancelled):
        list(first.map(nap, range(400)))
    began = time.monotonic()
    assert list(second.map(nap, range(8))) == list(range(8))
    assert time.monotonic() - began < 20 * slowness(), "what was not yet dispatched was given up"


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_a_job_enters_the_backend_of_the_thread_that_made_it(name: str, request: pytest.FixtureRequest) -> None:
    def work(job: Job[Any]) -> Any:
        return set(RunStep(backend=job.backend).map(process, range(6)))

    with under(name, request):
        job: Job[Any] = Job(work)
    job.start()
    assert job.wait(60)
    assert job.error is None
    assert job.result is not None
    assert len(job.result) == 2


@pytest.mark.parametrize("name", BACKENDS)
def test_questions_asked_in_workers_are_counted(
    name: str, request: pytest.FixtureRequest, forest: Subject, parallel_engine: Assessment
) -> None:
    with under(name, request):
        outcome = run(forest, parallel_engine, strict=True)
    assert outcome.finding is not None
    assert outcome.finding.values["total"] == pytest.approx(55)
    assert outcome.queries == 55


def test_a_plan_runs_under_a_backend(forest: Subject) -> None:
    with joblib.parallel_config(backend="threading", n_jobs=2):
        outcomes = run_plan(forest, ["privacy.shapr"])
    assert outcomes[0].status == "ok"


def test_blas_threads_of_loky_workers_share_the_cores(request: pytest.FixtureRequest) -> None:
    with under("loky", request):
        limits = list(RunStep().map(blas_threads, range(2)))
    assert all(limit <= max(1, (os.cpu_count() or 1) // 2) for limit in limits)


def blas_threads(_: int) -> int:
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


class OfItsOwn(Exception):
    """No process can read its pickle: it takes two arguments and passes one on."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(f"row {row}: {why}")


def fails_in_its_own_way(number: int) -> int:
    raise OfItsOwn(number, "refused")


def does_not_apply(number: int) -> int:
    raise NotApplicable("no such column", "another assessment")


class Held:
    """What raises something of its own when it is pickled, as tensors of a graph do."""

    def __call__(self, number: int) -> int:
        return number

    def __reduce__(self) -> Any:
        raise RuntimeError("only leaves can be copied")


@pytest.mark.parametrize("name", ["cores", "dask"])
def test_an_error_that_cannot_be_sent_comes_home_in_words(name: str, request: pytest.FixtureRequest) -> None:
    if name == "cores":
        step = RunStep(backend=Parallel(2, worth=0.0))
        words = "OfItsOwn: row . refused"
    else:
        step = RunStep(backend=Parallel(1, Cluster("", request.getfixturevalue("dask")), worth=0.0))
        words = "OfItsOwn"
    with pytest.raises(Exception, match=words.replace(". ", ".: ")):
        list(step.map(fails_in_its_own_way, range(4)))
    with pytest.raises(NotApplicable, match="no such column") as gap:
        list(step.map(does_not_apply, range(4)))
    assert gap.value.instead == "another assessment"


@pytest.mark.parametrize("name", ["cores", "dask"])
def test_what_no_worker_can_read_is_done_here_and_said(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("only_in_this_process")
    exec("def double(number):\n    return 2 * number\ndouble.__module__ = __name__", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    cluster = None if name == "cores" else Cluster("", request.getfixturevalue("dask"))
    step = RunStep(backend=Parallel(2, cluster, worth=0.0))
    assert list(step.map(module.double, range(4))) == [0, 2, 4, 6]
    [remark] = step.remarks
    assert "cannot read the work" in remark
    assert "only_in_this_process" in remark
    assert list(step.map(Held(), range(4))) == [0, 1, 2, 3]
    assert "only leaves can be copied" in step.remarks[-1]


class Killed:
    """Ends the worker that is the first to take up the fifth item."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "killed"

    def __call__(self, number: int) -> tuple[int, int]:
        if number == 5 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number, os.getpid()


def ends_its_process(number: int) -> int:
    os._exit(number + 1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_a_worker_that_is_killed_costs_its_item_and_not_the_run(tmp_path: Path) -> None:
    step = RunStep(backend=Parallel(2, worth=0.0))
    results = list(step.map(Killed(tmp_path), range(12)))
    assert [number for number, _ in results] == list(range(12))
    assert len({process for _, process in results}) >= 2
    assert os.getpid() not in {process for _, process in results}
    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_a_model_that_ends_every_process_that_asks_it_is_told_and_the_next_run_has_workers() -> None:
    step = RunStep(backend=Parallel(2, worth=0.0))
    with pytest.raises(pool.WorkerDied, match=r"3 worker processes died .* with jobs=1"):
        list(step.map(ends_its_process, range(4)))
    assert list(step.map(square, range(4))) == [0, 1, 4, 9]


def hangs(number: int) -> int:
    time.sleep(600)
    return number


def test_an_item_that_hangs_is_ended_once_nobody_waits_and_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_GRACE", 0.2)
    cancel = threading.Event()
    list(RunStep(backend=Parallel(2, worth=0.0)).map(square, range(4)))
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Cancelled):
        list(RunStep(Meter(cancel), backend=Parallel(2, worth=0.0)).map(hangs, range(4)))
    began = time.monotonic()
    assert list(RunStep(backend=Parallel(2, worth=0.0)).map(square, range(4))) == [0, 1, 4, 9]
    assert time.monotonic() - began < 60 * slowness()


def test_items_that_end_soon_after_cancel_keep_their_workers() -> None:
    cancel = threading.Event()
    before = {pid for pid, _ in RunStep(backend=Parallel(2, worth=0.0)).map(process, range(8))}
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        list(RunStep(Meter(cancel), backend=Parallel(2, worth=0.0)).map(nap, range(400)))
    for thread in threading.enumerate():
        if thread.name == "xrai-grace":
            thread.join(30)
    assert {pid for pid, _ in RunStep(backend=Parallel(2, worth=0.0)).map(process, range(8))} == before


ENDS = """
import sys, threading, time
from tests.runtime.test_parallel import hangs, square
from xrai_widgets.core import Cancelled
from xrai_widgets.runtime import Meter, RunStep
from xrai_widgets.runtime.parallel import Parallel

if __name__ == "__main__":
    list(RunStep(backend=Parallel(2, worth=0.0)).map(square, range(4)))
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    try:
        list(RunStep(Meter(cancel), backend=Parallel(2, worth=0.0)).map(hangs, range(4)))
    except Cancelled:
        sys.exit(7)
"""


def test_a_process_ends_soon_and_quietly_though_an_item_hangs(tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert (ended.returncode, ended.stderr) == (7, "")
    assert time.monotonic() - began < 120 * slowness(), "items of ten minutes are not waited for"


def test_short_work_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrai_widgets.runtime.spreading.in_processes", None)
    seen = list(RunStep(backend=Parallel(4)).map(process, range(6)))
    assert {pid for pid, _ in seen} == {os.getpid()}


def test_what_is_left_goes_to_workers_once_it_is_worth_it() -> None:
    seen = [pid for pid, _ in RunStep(backend=Parallel(2, worth=0.4)).map(process, range(12))]
    assert seen[0] == os.getpid(), "the first item tells how long the others take"
    assert os.getpid() not in seen[1:], "twelve of 0.05 s are more than 0.4 s"


@pytest.mark.parametrize(
    ("left", "elapsed", "share", "ready", "pays"),
    [
        (5.1, 0.5, 0.0, False, True),
        (4.9, 0.5, 0.0, False, False),
        (4.9, 0.5, 0.04, False, True),
        (4.9, 0.5, 0.06, False, False),
        (1.4, 0.5, 0.01, False, False),
        (1.6, 9.0, 0.99, True, True),
        (1.4, 9.0, 0.99, True, False),
    ],
)
def test_workers_are_worth_their_start(
    left: float, elapsed: float, share: float, ready: bool, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrai_widgets.runtime.spreading.stand_by", lambda _: ready)
    whole = RunStep(backend=Parallel(2))
    whole._started, whole.done = time.monotonic() - elapsed, share
    step = whole.within(0.0, 0.9).within(0.0, 0.5)
    spreading = Spreading(Parallel(2), [], step._whole.forecast)
    assert spreading._pays(Parallel(2), left, 2) == pays


def test_no_more_items_are_under_way_than_memory_is_granted_for(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    assert held_to(3, Parallel(8)) == Parallel(3)
    assert held_to(9, Parallel(8)) == held_to(None, Parallel(8)) == Parallel(8)
    assert held_to(0, Parallel(8)) == Parallel(1)
    asked: list[int] = []

    def counted(function: Any, work: list[Any], jobs: int, *rest: Any) -> Any:
        asked.append(jobs)
        return map(function, work)

    monkeypatch.setattr("xrai_widgets.runtime.spreading.in_processes", counted)
    step = RunStep(backend=Parallel(8, worth=0.0))
    assert list(step.within(0, 1).part(0, 1).map(square, range(5), at_most=2)) == [0, 1, 4, 9, 16]
    assert asked == [2]
    with under("threading", request):
        assert len(set(RunStep().map(process, range(8), at_most=1))) == 1


def test_one_item_alone_stays_here() -> None:
    [(pid, _)] = RunStep(backend=Parallel(2, worth=0.0)).map(process, range(1))
    assert pid == os.getpid()


def test_what_cannot_be_sent_is_done_here_and_the_outcome_says_so(forest: Subject, parallel_engine: Assessment) -> None:
    from dataclasses import replace

    lock, inside = threading.Lock(), forest.predict

    def locked(X: Array) -> Array:
        with lock:
            return inside(X)

    held = replace(forest, predict=locked)
    outcome = run(held, parallel_engine, step=RunStep(backend=Parallel(2, worth=0.0)), strict=True)
    assert outcome.finding is not None
    assert outcome.finding.values["total"] == pytest.approx(55)
    assert sum(note.startswith("Ran on one core: the work cannot be sent") for note in outcome.finding.notes) == 1


def test_by_default_all_cores_are_used_or_as_many_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XRAI_JOBS")
    assert active() == Parallel(cores())
    assert 1 <= cores() <= (os.cpu_count() or 1)
    monkeypatch.setenv("XRAI_JOBS", "3")
    assert active() == Parallel(3)
    for wrong in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("XRAI_JOBS", wrong)
        with pytest.raises(ValueError, match=f"XRAI_JOBS must be a whole number of cores, at least 1, got '{wrong}'"):
            default_jobs()


def test_parallel_holds_for_its_thread_until_its_block_ends() -> None:
    others: list[Any] = []
    with xw.parallel(jobs=5):
        assert active() == Parallel(5)
        with xw.parallel(jobs=1):
            assert active() == Parallel(1)
            assert RunStep().workers == 1
        assert active() == Parallel(5)
        assert RunStep().part(0, 1).workers == 5
        thread = threading.Thread(target=lambda: others.append(active()))
        thread.start()
        thread.join()
        job: Job[Any] = Job(lambda job: job.backend)
        job.start()
        assert job.wait(10)
        assert job.result == Parallel(5)
    assert active() == others[0] == Parallel(1)
    with pytest.raises(ValueError, match="jobs must be a whole number of cores, at least 1, got 0"):
        xw.parallel(jobs=0)
    with pytest.raises(ValueError, match="give one of them"):
        xw.parallel(jobs=2, cluster="tcp://127.0.0.1:1")
    assert active() == Parallel(1)


def test_joblibs_own_setting_is_followed_where_nothing_else_is_said() -> None:
    with joblib.parallel_config(n_jobs=1):
        assert RunStep().workers == 1, "one core was asked for"
        assert isinstance(active(), tuple)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert isinstance(active(), tuple)
        with xw.parallel(jobs=4):
            assert active() == Parallel(4)


def test_there_are_as_many_workers_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "free_memory", lambda: 10e9)
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    assert held_by_memory(64, 0.0) == 26, "0.3 GB each, in four fifths of what is free"
    assert held_by_memory(64, 1e9) == 3, "each of them has what it is sent twice: as it came, and read"
    assert held_by_memory(2, 0.0) == 2
    monkeypatch.setattr(parallel, "free_memory", lambda: 0.1e9)
    assert held_by_memory(64, 0.0) == 0


def test_where_memory_holds_no_second_process_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "free_memory", lambda: 0.5e9)
    step = RunStep(backend=Parallel(2, worth=0.0))
    assert {pid for pid, _ in step.map(process, range(3))} == {os.getpid()}
    assert step.remarks == ["Ran on one core: the free memory does not hold two worker processes."]


def test_a_pilot_starts_no_workers(forest: Subject, parallel_engine: Assessment) -> None:
    before = len(psutil.Process().children(recursive=True))
    with xw.parallel(jobs=2):
        assert forecast(forest, parallel_engine, {}).seconds is not None
    assert len(psutil.Process().children(recursive=True)) == before


def test_a_process_that_uses_a_gpu_works_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True)))
    step = RunStep(backend=Parallel(2, worth=0.0))
    assert {pid for pid, _ in step.map(process, range(3))} == {os.getpid()}
    assert step.remarks == ["Ran on one core: the GPU is busy with one process."]
