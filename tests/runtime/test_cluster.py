"""A Dask cluster that runs already: the same numbers, whatever happens to its workers, and a clear end without it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xrai_widgets as xw
from tests.pace import slowness
from tests.runtime.test_parallel import Killed
from xrai_widgets.core import Cancelled, Finding, Predict, Step, Subject, assessment, quiet
from xrai_widgets.core.assessment import _registry, find
from xrai_widgets.core.subject import Array
from xrai_widgets.runtime import Meter, RunStep, run
from xrai_widgets.runtime.cluster import Cluster, differing
from xrai_widgets.runtime.parallel import Parallel, active

distributed = pytest.importorskip("distributed")


def started(workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with started(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def cluster(address: str) -> Iterator[Cluster]:
    found = Cluster.at(address)
    yield found
    found.close()


def at_once(cluster: Cluster) -> RunStep:
    return RunStep(backend=Parallel(1, cluster, worth=0.0))


class SlowlyKilled(Killed):
    """As `Killed`; its items take a moment, so that others are under way."""

    def __call__(self, number: int) -> tuple[int, int]:
        result = super().__call__(number)
        time.sleep(0.05)
        return result


def refuses_three(number: int) -> int:
    if number == 3:
        raise ValueError("three is refused")
    return number


def sleepy(number: int) -> int:
    time.sleep(0.3)
    return number


class AskModel:
    def __init__(self, predict: Predict, X: Array) -> None:
        self.predict, self.X = predict, X

    def __call__(self, number: int) -> float:
        time.sleep(0.02)
        return float(self.predict(self.X[: number + 1]).sum())


def asks_a_lot(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask the model in parallel."""
    sums: list[float] = []
    for one in step.map(AskModel(predict, X), range(200)):
        sums.append(one)
        step(len(sums) / 200, "asking", lambda: Finding({"total": sum(sums)}, {"total": (0, 1e9)}, {"total": 200}))
    return Finding({"total": sum(sums)}, {"total": (0, sum(sums))}, {"total": 200})


@pytest.fixture
def engine() -> Iterator[str]:
    assessment(title="asks a lot")(asks_a_lot)
    yield "custom.asks_a_lot"
    _registry.pop("custom.asks_a_lot")


def test_the_same_numbers_come_from_a_cluster_with_a_worker_killed_in_mid_run(
    forest: Subject, engine: str, cluster: Cluster, tmp_path: Path
) -> None:
    here = run(forest, find(engine), step=RunStep(backend=Parallel(1)), strict=True)
    step = at_once(cluster)
    there = run(forest, find(engine), step=step, strict=True)
    assert here.finding is not None
    assert there.finding is not None
    assert here.finding.values == there.finding.values
    assert here.queries == there.queries
    assert not step.remarks
    results = list(at_once(cluster).map(SlowlyKilled(tmp_path), range(40)))
    assert [number for number, _ in results] == list(range(40))
    assert (tmp_path / "killed").exists()
    assert os.getpid() not in {process for _, process in results}


def test_what_a_worker_raises_is_raised_here_and_the_next_run_is_not_disturbed(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="three is refused"):
        list(at_once(cluster).map(refuses_three, range(6)))
    assert list(at_once(cluster).map(abs, range(6))) == list(range(6))


def test_cancel_lands_within_a_second(cluster: Cluster) -> None:
    cancel = threading.Event()
    step = RunStep(Meter(cancel), backend=Parallel(1, cluster, worth=0.0))
    threading.Timer(0.5, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(step.map(sleepy, range(400)))
    assert time.monotonic() - began < 1.5 * slowness()


def test_work_that_cannot_be_sent_is_done_here_and_that_is_said(cluster: Cluster) -> None:
    step, lock = at_once(cluster), threading.Lock()
    assert list(step.map(lambda number: number + lock.locked(), range(3))) == [0, 1, 2]
    assert step.remarks[0].startswith("Ran on one core: the work cannot be sent to a cluster")


def test_a_scheduler_that_is_gone_ends_the_run_clearly_and_what_is_done_is_kept(forest: Subject, engine: str) -> None:
    cluster = started(1)
    try:
        with xw.parallel(cluster=cluster.scheduler_address) as chosen:
            step = RunStep(backend=replace(chosen, worth=0.0))
            ended: list[Any] = []
            thread = threading.Thread(target=lambda: ended.append(run(forest, find(engine), step=step)))
            thread.start()
            deadline = time.monotonic() + 60
            while step.done < 0.1 and time.monotonic() < deadline:
                time.sleep(0.01)
            cluster.close()
            thread.join(60)
    finally:
        cluster.close()
    assert ended[0].status == "cancelled"
    assert "the scheduler of the cluster at tcp://" in ended[0].reason
    assert ended[0].finding is not None


def test_a_cluster_is_left_when_another_choice_is_made(address: str) -> None:
    before = active()
    assert isinstance(before, Parallel)
    try:
        xw.parallel(cluster=address)
        kept = active()
        assert isinstance(kept, Parallel)
        assert kept.cluster is not None
        client = kept.cluster._client
        with xw.parallel(jobs=1):
            pass
        assert client.status == "running", "it holds again after the block"
        xw.parallel(jobs=1)
        assert client.status == "running", "a run may still use it"
        del kept
        assert client.status == "closed"
    finally:
        xw.parallel(jobs=before.jobs)


def test_a_process_that_never_left_its_cluster_ends_quietly(address: str) -> None:
    script = f"import xrai_widgets as xw; xw.parallel(cluster={address!r})"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_versions_that_differ_are_told_before_work_starts(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xw, "__version__", "9.9")
    with pytest.raises(ValueError, match=r"versions differ .* xrai-widgets 9\.9 here, 0\.\d.* there.* Install"):
        xw.parallel(cluster=address)


def test_which_versions_must_be_the_same() -> None:
    here = {"Python": "3.11", "numpy": "2.0", "torch": "2.4"}
    assert differing(here, {"a": here, "b": {"Python": "3.11", "numpy": "2.0"}}) == [], "no torch is needed without one"
    assert differing(here, {"a": here, "b": here | {"torch": "2.5"}}) == ["torch 2.4 here, 2.5 there"]
    assert differing(here, {"a": {"Python": "3.12", "numpy": "1.26"}, "b": {"Python": "3.13"}}) == [
        "Python 3.11 here, 3.12 and 3.13 there",
        "numpy 2.0 here, 1.26 and none there",
    ]


@pytest.mark.parametrize("wrong", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1"])
def test_an_address_at_which_no_scheduler_answers_is_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrai_widgets.runtime.cluster._TIMEOUT", 0.5)
    with pytest.raises(ConnectionError, match="no Dask scheduler answers at"):
        xw.parallel(cluster=wrong)


def test_the_command_line_says_that_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from xrai_widgets.arguments import workers_of

    monkeypatch.setattr("xrai_widgets.runtime.cluster._TIMEOUT", 0.5)
    with pytest.raises(typer.BadParameter, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        workers_of(None, "tcp://127.0.0.1:9")
