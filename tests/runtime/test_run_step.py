"""What a run says while it works: how far it is, and how long it will still take."""

from types import SimpleNamespace
from typing import Any

import pytest

from xrai_widgets.core import Finding
from xrai_widgets.runtime import plan, run_step
from xrai_widgets.runtime.plan import PlanProgress
from xrai_widgets.runtime.run_step import Progress, RunStep


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (run_step, plan):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def step_of(heard: list[Progress]) -> RunStep:
    return RunStep(listen=heard.append)


@pytest.mark.parametrize(
    ("seconds", "done", "left"),
    [(10.0, 0.25, 30.0), (10.0, 0.5, 10.0), (60.0, 0.9, 60 / 9), (3.0, 1.0, 0.0), (10.0, 0.021, 10 / 0.021 * 0.979)],
)
def test_the_time_left_is_what_the_rest_takes_at_the_speed_so_far(
    clock: Clock, seconds: float, done: float, left: float
) -> None:
    heard: list[Progress] = []
    step = step_of(heard)
    clock.now += seconds
    step(done)
    assert heard[0].elapsed == pytest.approx(seconds)
    assert heard[0].remaining == pytest.approx(left)


@pytest.mark.parametrize(("seconds", "done"), [(10.0, 0.0), (10.0, 0.02), (0.19, 0.5), (0.15, 0.99)])
def test_so_early_that_the_speed_says_little_no_time_is_said(clock: Clock, seconds: float, done: float) -> None:
    heard: list[Progress] = []
    step = step_of(heard)
    clock.now += seconds
    step(done)
    assert heard[0].remaining is None


def test_progress_never_goes_back_nor_beyond_the_end(clock: Clock) -> None:
    heard: list[Progress] = []
    step = step_of(heard)
    for done in (0.5, 0.3, 1.7):
        clock.now += 1
        step(done)
    assert [progress.done for progress in heard] == [0.5, 0.5, 1.0]


def test_news_come_ten_times_a_second_and_partial_findings_once(clock: Clock) -> None:
    heard: list[Progress] = []
    step = step_of(heard)
    for n in range(1, 201):
        clock.now += 0.01
        step(n / 400, partial=Finding({"n": float(n)}))
    assert 15 <= len(heard) <= 20
    assert sum(progress.partial is not None for progress in heard) == 2
    found = step.partial()
    assert found is not None
    assert found.values["n"] == 200


def told(clock: Clock, index: int, seconds: list[float] | None, done: float, left: float | None) -> PlanProgress:
    """What a plan of three says of its time when the assessment at ``index`` has said its own, 4 s after its start."""
    heard: list[Any] = []
    weights = seconds if seconds is not None else [1.0] * 3
    listen = plan._listener("a.b", index, weights, seconds is not None, heard.append)
    clock.now += 4
    listen(Progress(done, "", 4.0, left))
    (progress,) = heard
    return progress


@pytest.mark.parametrize(
    ("index", "seconds", "left", "whole"),
    [
        (0, [10.0, 20.0, 30.0], 5.0, 55.0),
        (1, [10.0, 20.0, 30.0], 5.0, 35.0),
        (2, [10.0, 20.0, 30.0], 5.0, 5.0),
        (1, [10.0, 20.0, 30.0], None, 16.0 + 30.0),
        (0, [3.0, 20.0, 30.0], None, 50.0),
        (1, None, 5.0, None),
        (2, None, 5.0, 5.0),
        (2, None, None, None),
    ],
    ids=[
        "the later ones are added",
        "those before are not",
        "the last one has its own",
        "its forecast until it can tell",
        "a forecast that is over is 0",
        "without forecasts the later ones are not known",
        "but the last one is",
        "and nothing before it can tell",
    ],
)
def test_the_time_left_of_a_plan(
    clock: Clock, index: int, seconds: list[float] | None, left: float | None, whole: float | None
) -> None:
    assert told(clock, index, seconds, 0.5, left).remaining == (None if whole is None else pytest.approx(whole))


def test_the_share_of_a_plan_that_is_done_goes_by_the_forecasts(clock: Clock) -> None:
    assert told(clock, 1, [10.0, 20.0, 30.0], 0.5, None).done == pytest.approx(20 / 60)
    assert told(clock, 2, None, 0.25, None).done == pytest.approx(2.25 / 3)
    assert told(clock, 1, [0.0, 0.0, 0.0], 0.25, None).done == 0.25
