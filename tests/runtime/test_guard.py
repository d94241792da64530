"""The guard around a model."""

import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pace import slowness
from xrai_widgets.core import Array, Cancelled
from xrai_widgets.runtime import guard
from xrai_widgets.runtime.guard import Counted, Guard, Meter


def double(X: Array, *others: Array) -> Array:
    return 2 * X + sum(others)


def test_slices_are_put_together_in_order() -> None:
    X = np.arange(5000.0).reshape(-1, 1)
    assert np.array_equal(Guard(double, Meter())(X), 2 * X)


def test_labels_are_sliced_with_the_samples() -> None:
    X, y = np.arange(1000.0), np.arange(1000.0)
    assert np.array_equal(Guard(double, Meter())(X, y), 3 * X)


def test_an_empty_question_gets_an_empty_answer() -> None:
    assert Guard(double, Meter())(np.empty((0, 3))).shape == (0, 3)


def test_rows_are_counted_before_they_are_asked() -> None:
    meter = Meter()
    Guard(double, meter)(np.zeros((700, 2)))
    assert meter.queries == 700


def test_a_question_beyond_the_budget_is_not_asked() -> None:
    asked = []
    asking = Guard(lambda X: asked.append(len(X)) or X, Meter(max_queries=300))  # type: ignore[func-returns-value]
    with pytest.raises(Cancelled, match="budget of 300 model queries"):
        asking(np.zeros((1000, 1)))
    assert sum(asked) <= 300


def test_a_time_budget_is_kept() -> None:
    guard = Guard(lambda X: time.sleep(0.2) or X, Meter(max_seconds=0.1))
    with pytest.raises(Cancelled, match=r"time budget of 0\.1 s"):
        guard(np.zeros((1000, 1)))


def test_calls_take_about_a_quarter_of_a_second_so_that_cancel_lands() -> None:
    cancel, sizes = threading.Event(), []

    def slow(X: Array) -> Array:
        sizes.append(len(X))
        time.sleep(0.001 * len(X))
        return X

    threading.Timer(1.0, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled, match="cancelled by the user"):
        Guard(slow, Meter(cancel))(np.zeros((10_000, 1)))
    assert time.monotonic() - began < 1.7 * slowness()
    assert max(sizes) <= 400


def test_a_fast_model_gets_large_slices() -> None:
    sizes: list[int] = []

    def fast(X: Array) -> Array:
        sizes.append(len(X))
        return X

    Guard(fast, Meter())(np.zeros((200_000, 1)))
    assert len(sizes) < 12


class Clock:
    """A clock that a model moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def slices(monkeypatch: pytest.MonkeyPatch, rows: int, seconds: Callable[[int], float], asks: int = 1) -> list[int]:
    """Return the sizes of the slices in which a model is asked that takes so many seconds for so many rows."""
    clock, sizes = Clock(), list[int]()
    monkeypatch.setattr(guard, "time", clock)

    def model(X: Array) -> Array:
        sizes.append(len(X))
        clock.now += seconds(len(X))
        return X

    guarded = Guard(model)
    for _ in range(asks):
        guarded(np.zeros((rows, 1)))
    return sizes


def test_slices_of_a_fast_model_grow_fourfold(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices(monkeypatch, 20_000, lambda _: 0.0) == [256, 1024, 4096, 14_624]


def test_slices_settle_where_they_take_a_quarter_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices(monkeypatch, 2000, lambda n: n / 2000)[:3] == [256, 500, 500]


def test_slices_of_a_slow_model_shrink_to_a_quarter_and_not_below_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices(monkeypatch, 400, lambda n: 5.0 * n)[:6] == [256, 64, 16, 4, 1, 1]


def test_a_short_last_slice_says_nothing_about_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The few rows of the second question take long; the third is asked in one slice all the same."""
    slow_when_few = {10: 9.0}
    assert slices(monkeypatch, 10, lambda n: slow_when_few.get(n, 0.0), asks=3) == [10, 10, 10]
    assert slices(monkeypatch, 266, lambda n: slow_when_few.get(n, 0.25), asks=2) == [256, 10, 256, 10]


def test_a_pickled_guard_counts_on_its_own_and_the_count_comes_home() -> None:
    meter = Meter()
    copy = pickle.loads(pickle.dumps(Guard(double, meter)))
    result, rows = Counted(copy)(np.zeros((30, 1)))
    assert (len(result), rows, meter.queries) == (30, 30, 0)


def test_an_item_that_a_worker_takes_up_after_the_end_is_not_begun(tmp_path: Path) -> None:
    """A worker had taken it from the queue before Cancel: a model that hangs would hold the worker for good."""
    asked: list[int] = []
    held = tmp_path / "map"
    held.mkdir()
    taken = Counted(asked.append, str(held))
    taken(1)
    held.rmdir()
    assert taken(2) == (None, 0)
    assert asked == [1]
    Counted(asked.append, str(tmp_path / "elsewhere" / "map"))(3)
    assert asked == [1, 3], "a worker on another machine sees neither folder"


def test_an_item_that_gives_up_raises_only_where_somebody_waits(tmp_path: Path) -> None:
    """An error ends the workers of the backend, which the next run may already use."""
    held = tmp_path / "map"
    held.mkdir()

    def gives_up(gone: bool) -> None:
        if gone:
            held.rmdir()
        raise Cancelled("cancelled by the user")

    with pytest.raises(Cancelled):
        Counted(gives_up, str(held))(False)
    assert Counted(gives_up, str(held))(True) == (None, 0)


def test_counting_is_safe_across_threads() -> None:
    meter = Meter()
    guard = Guard(double, meter)
    threads = [threading.Thread(target=lambda: [guard(np.zeros((3, 1))) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.queries == 8 * 200 * 3


def test_a_guard_says_whether_its_function_takes_functions_and_hands_on_their_slices() -> None:
    def steered(X: Array, V: Any) -> Array:
        weighted: Array = V(X)
        return weighted

    class Adds:
        def __init__(self, numbers: Array) -> None:
            self.numbers = numbers

        def __getitem__(self, part: slice) -> "Adds":
            return Adds(self.numbers[part])

        def __call__(self, X: Array) -> Array:
            summed: Array = X + self.numbers
            return summed

    assert not Guard(steered).steerable
    steered.steerable = True  # type: ignore[attr-defined]  # the mark
    guarded, rows = Guard(steered, Meter()), np.arange(700.0)
    assert guarded.steerable
    assert np.array_equal(guarded(rows, Adds(rows)), 2 * rows)  # type: ignore[arg-type]  # more rows than one slice has
