"""``step.map`` on whatever joblib backend is active."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import pytest

from tests.pace import slowness
from xrai_widgets.core import Array, Assessment, Cancelled, Finding, Predict, Step, Subject, assessment, quiet
from xrai_widgets.core.assessment import _registry, find
from xrai_widgets.runtime import Job, Meter, RunStep, run, run_plan

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
def active(name: str, request: pytest.FixtureRequest) -> Iterator[None]:
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
    with active(name, request):
        assert list(RunStep().map(square, range(20))) == [number * number for number in range(20)]


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_work_is_spread_over_workers(name: str, request: pytest.FixtureRequest) -> None:
    with active(name, request):
        seen = set(RunStep().map(process, range(8)))
    assert len(seen) == 2
    assert all((pid == os.getpid()) == (name == "threading") for pid, _ in seen)


@pytest.mark.parametrize("name", BACKENDS)
def test_what_a_worker_raises_is_raised_where_the_engine_waits(name: str, request: pytest.FixtureRequest) -> None:
    with active(name, request), pytest.raises(ValueError, match="three is refused"):
        list(RunStep().map(fail, range(6)))


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_cancel_does_not_wait_for_the_workers(name: str, request: pytest.FixtureRequest) -> None:
    cancel = threading.Event()
    with active(name, request):
        step = RunStep(Meter(cancel))
    threading.Timer(0.5, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(step.map(sleepy, range(2)))
    assert time.monotonic() - began < 1.5 * slowness()


@pytest.mark.parametrize("name", ["threading", "loky", "dask"])
def test_the_end_of_a_cancelled_run_does_not_disturb_the_next_one(name: str, request: pytest.FixtureRequest) -> None:
    cancel = threading.Event()
    with active(name, request):
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

    with active(name, request):
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
    with active(name, request):
        outcome = run(forest, parallel_engine, strict=True)
    assert outcome.finding is not None
    assert outcome.finding.values["total"] == pytest.approx(55)
    assert outcome.queries == 55


def test_a_plan_runs_under_a_backend(forest: Subject) -> None:
    with joblib.parallel_config(backend="threading", n_jobs=2):
        outcomes = run_plan(forest, ["privacy.shapr"])
    assert outcomes[0].status == "ok"


def test_blas_threads_of_loky_workers_share_the_cores(request: pytest.FixtureRequest) -> None:
    with active("loky", request):
        limits = list(RunStep().map(blas_threads, range(2)))
    assert all(limit <= max(1, (os.cpu_count() or 1) // 2) for limit in limits)


def blas_threads(_: int) -> int:
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)
