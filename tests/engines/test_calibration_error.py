"""The calibration error: a hand-computed case, what a bin is, and how often its interval holds the truth."""

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.engines._calibration import _bins, calibration_error, calibration_rise


def of_truth(p: Array) -> Array:
    """Outputs of a model that says class 0 with probability ``p``, at least one half."""
    return np.column_stack([p, 1 - p])


def test_the_five_groups_have_the_errors_computed_by_hand() -> None:
    """Ten samples at each probability; right answers 6, 5, 7, 9 and 10 of ten."""
    p, right = np.array([0.55, 0.65, 0.75, 0.85, 0.95]), np.array([6, 5, 7, 9, 10])
    share = right / 10
    y = np.concatenate([np.repeat([0, 1], [k, 10 - k]) for k in right])
    expected = np.mean((p - share) ** 2 - share * (1 - share) / 9)
    found = calibration_error(of_truth(np.repeat(p, 10)), y, seed=0)
    assert found.squared == pytest.approx(expected, abs=1e-12)
    assert found.estimate.value == pytest.approx(np.sqrt(max(expected, 0)))


def test_the_order_of_the_rows_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    p = rng.integers(5, 11, 97) / 10
    y = (rng.random(97) > p).astype(int)
    order = rng.permutation(97)
    first, second = (calibration_error(of_truth(p[i]), y[i], seed=0).squared for i in (np.arange(97), order))
    assert first == pytest.approx(second, abs=1e-12)


def test_bins_are_equally_full_and_equal_probabilities_share_one() -> None:
    rng = np.random.default_rng(1)
    assert np.bincount(_bins(rng.random(1000))).tolist() == [100] * 10
    tied = rng.integers(0, 3, 200) / 4
    assert len(np.unique(np.column_stack([tied, _bins(tied)]), axis=0)) == len(np.unique(tied))
    assert _bins(np.ones(7)).tolist() == [0] * 7
    assert len(np.unique(_bins(rng.random(23)))) == 4


def test_a_few_right_answers_of_certainty_do_not_prove_certainty() -> None:
    sure, y = of_truth(np.ones(20)), np.zeros(20, dtype=int)
    value, low, high = calibration_error(sure, y, seed=0).estimate
    assert (value, low) == (0, 0)
    assert 0.1 < high < 0.2
    value, low, high = calibration_error(sure, 1 - y, seed=0).estimate
    assert (value, high) == (1, 1)
    assert 0.8 < low < 0.9


def covered(right: float, slope: float, n: int, draws: int) -> tuple[float, float]:
    """How often the interval holds the truth, and lies above 0.

    The model says p, uniform between 0.5 and 1; the answer is right with ``right`` + ``slope`` (p − 0.5).
    """
    rng = np.random.default_rng(3)
    many = np.sort(0.5 + rng.random(400_000) / 2)
    held = above = 0
    for draw in range(draws):
        p = 0.5 + rng.random(n) / 2
        y = (rng.random(n) > right + slope * (p - 0.5)).astype(int)
        bins = _bins(p)
        edges = [p[bins == number].min() for number in range(1, bins.max() + 1)]
        gaps = [part - right - slope * (part - 0.5) for part in np.split(many, np.searchsorted(many, edges))]
        truth = np.sqrt(sum(len(part) * part.mean() ** 2 for part in gaps) / len(many))
        _, low, high = calibration_error(of_truth(p), y, seed=draw).estimate
        held += low <= truth + 1e-3 and truth <= high
        above += low > 0
    return held / draws, above / draws


def test_the_interval_of_a_calibrated_model_contains_0() -> None:
    held, above = covered(0.5, 1.0, 200, 100)
    assert held >= 0.95
    assert above <= 0.03


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200, 2000])
@pytest.mark.parametrize(("right", "slope"), [(0.5, 1.0), (0.45, 1.0), (0.5, 0.6), (0.6, 0.6), (0.2, 1.5)])
def test_the_interval_covers_the_error(n: int, right: float, slope: float) -> None:
    held, above = covered(right, slope, n, 500)
    assert held >= 0.92
    if (right, slope) == (0.5, 1.0):
        assert above <= 0.02


def sharpened(scores: Array, by: float) -> Array:
    """Outputs of a model that is ``by`` times as sure as one that is calibrated."""
    p = 1 / (1 + np.exp(-by * scores))
    return np.column_stack([1 - p, p])


def rise_covered(n: int, first: float, second: float, draws: int) -> float:
    """How often the interval of the second error less the first holds what 400,000 samples say."""

    def drawn(rng: np.random.Generator, size: int) -> tuple[tuple[Array, Array], Array, tuple[Array, Array]]:
        scores = 2 * rng.normal(size=size)
        outputs = sharpened(scores, first), sharpened(scores, second)
        labels = outputs[0].argmax(axis=1), outputs[1].argmax(axis=1)
        return outputs, (rng.random(size) < sharpened(scores, 1.0)[:, 1]).astype(int), labels

    truth = calibration_rise(*drawn(np.random.default_rng(99), 400_000), seed=0, repeats=5)[2].value
    held = 0
    for draw in range(draws):
        _, low, high = calibration_rise(*drawn(np.random.default_rng(draw), n), seed=draw, repeats=300)[2]
        held += low <= truth <= high
    return held / draws


def test_the_interval_of_a_rise_covers_it_where_one_model_is_calibrated() -> None:
    assert rise_covered(200, 1.0, 2.0, 40) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300])
@pytest.mark.parametrize(("first", "second"), [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.2), (1.0, 0.5), (3.0, 1.5)])
def test_the_interval_of_a_rise_covers_it(n: int, first: float, second: float) -> None:
    assert rise_covered(n, first, second, 200) >= 0.93
