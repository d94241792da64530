"""The guard around a model."""

import pickle
import threading
import time

import numpy as np
import pytest

from tests.pace import slowness
from xrai_widgets.core import Array, Cancelled
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
    guard = Guard(lambda X: asked.append(len(X)) or X, Meter(max_queries=300))  # type: ignore[func-returns-value]
    with pytest.raises(Cancelled, match="budget of 300 model queries"):
        guard(np.zeros((1000, 1)))
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


def test_a_pickled_guard_counts_on_its_own_and_the_count_comes_home() -> None:
    meter = Meter()
    copy = pickle.loads(pickle.dumps(Guard(double, meter)))
    result, rows = Counted(copy)(np.zeros((30, 1)))
    assert (len(result), rows, meter.queries) == (30, 30, 0)


def test_counting_is_safe_across_threads() -> None:
    meter = Meter()
    guard = Guard(double, meter)
    threads = [threading.Thread(target=lambda: [guard(np.zeros((3, 1))) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.queries == 8 * 200 * 3
