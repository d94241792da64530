"""Two models' answers to the same samples: the difference of two shares covers the truth, few samples or many."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xrai_widgets.core import Array, Finding, Outcome
from xrai_widgets.results.differences import difference

KEY = "robust_accuracy"


def outcome_of(parts: dict[str, Array]) -> Outcome:
    frames = [pd.DataFrame({"part": part, "id": np.arange(len(v)), KEY: v}) for part, v in parts.items()]
    value = float(sum(v.mean() for v in parts.values()))
    finding = Finding({KEY: value}, tables={"contributions": pd.concat(frames)})
    return Outcome("robustness.evasion", "a", "a", {}, "ok", finding, parts=dict.fromkeys(parts, "same"))


@cache
def ends(gained: int, lost: int, n: int) -> tuple[float, float]:
    first = np.r_[np.zeros(gained), np.ones(lost), np.zeros(n - gained - lost)]
    second = np.r_[np.ones(gained), np.zeros(lost), np.zeros(n - gained - lost)]
    apart = difference(outcome_of({"X": first}), outcome_of({"X": second}), KEY)
    assert apart is not None
    assert apart.value == pytest.approx((gained - lost) / n)
    assert apart.low <= apart.value <= apart.high
    return apart.low, apart.high


def exact_coverage(n: int, shares: list[tuple[float, float]]) -> None:
    """Sum the probabilities of all numbers of samples gained and lost whose interval holds the true difference."""
    counts = np.array([(b, c) for b, c in product(range(n + 1), repeat=2) if b + c <= n])
    low, high = np.array([ends(b, c, n) for b, c in counts.tolist()]).T
    for gain, loss in shares:
        chance = stats.multinomial.pmf(np.c_[counts, n - counts.sum(axis=1)], n, [gain, loss, 1 - gain - loss])
        above, below = (chance[side].sum() for side in (high < gain - loss - 1e-9, low > gain - loss + 1e-9))
        assert max(above, below) <= 0.04, (gain, loss, above, below)
        assert above + below <= 0.07, (gain, loss, above, below)


def test_at_20_samples_the_interval_covers_the_difference_and_keeps_room_on_either_side() -> None:
    exact_coverage(20, [(0.1, 0.0), (0.2, 0.0), (0.2, 0.02), (0.5, 0.0), (0.3, 0.3), (0.02, 0.02), (0.0, 0.1)])


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 50])
def test_the_interval_covers_the_difference_over_a_grid(n: int) -> None:
    grid = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
    exact_coverage(n, [(gain, loss) for gain, loss in product(grid, repeat=2) if gain + loss < 0.999])


def test_two_models_that_agree_on_20_samples_are_not_said_to_agree_for_certain() -> None:
    low, high = ends(0, 0, 20)
    assert low == -high
    assert high > 0.15


def test_parts_add_up_by_square_and_add() -> None:
    ten, many = np.zeros(10), np.tile([0.0, 1.0], 100)
    first = outcome_of({"X": ten, "X_train": many})
    second = outcome_of({"X": ten, "X_train": 1 - many})
    both = difference(first, second, KEY)
    alone = [difference(outcome_of({"X": a}), outcome_of({"X": b}), KEY) for a, b in ((ten, ten), (many, 1 - many))]
    assert both is not None
    assert both.high == pytest.approx(np.hypot(*[part.high for part in alone if part]))
    assert both.pairs == 210


def test_a_single_pair_of_numbers_that_are_no_answers_says_nothing() -> None:
    apart = difference(outcome_of({"X": np.array([0.25])}), outcome_of({"X": np.array([0.5])}), KEY)
    assert apart is not None
    assert (apart.low, apart.high) == (-np.inf, np.inf)
