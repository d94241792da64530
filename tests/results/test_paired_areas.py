"""Two models' areas under the curve on the same samples: the interval of their difference covers it, also near 1."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from xrai_widgets.core import Array, Finding, Outcome
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.results.differences import Difference, difference

Draw = Callable[[np.random.Generator, int, int], tuple[Array, Array]]


def outcome_of(scores: Array, m: int) -> Outcome:
    """As an attack reports it: the first ``m`` scores are those of members."""
    above, below = statistics.placements(scores[:m], scores[m:])
    area = statistics.auc(scores[:m], scores[m:])
    parts = np.repeat(["X_train", "X"], [m, len(scores) - m])
    table = pd.DataFrame({"part": parts, "id": np.arange(len(scores)), "auc": np.r_[above, below - below.mean()]})
    finding = Finding({"auc": area.value}, {"auc": (area.low, area.high)}, tables={"contributions": table})
    return Outcome("privacy.lira", "a", "a", {}, "ok", finding, parts={"X": "same", "X_train": "same"})


def apart(first: Array, second: Array, m: int) -> Difference:
    told = difference(outcome_of(first, m), outcome_of(second, m), "auc")
    assert told is not None
    assert told.pairs == len(first)
    assert told.low <= told.value <= told.high
    return told


def bells(first: float, second: float, tied: float) -> tuple[Draw, float]:
    """Normal scores with these areas, correlated by ``tied``, and the difference of the areas."""
    shifts = [np.sqrt(2) * norm.ppf(area) for area in (first, second)]

    def draw(rng: np.random.Generator, m: int, n: int) -> tuple[Array, Array]:
        one, other = rng.standard_normal((2, m + n))
        other = tied * one + np.sqrt(1 - tied**2) * other
        member = np.arange(m + n) < m
        return one + shifts[0] * member, other + shifts[1] * member

    return draw, second - first


def mistakes(first: float, second: float, shared: float) -> tuple[Draw, float]:
    """Answers that are wrong with these chances on either side, in part on the same samples."""

    def draw(rng: np.random.Generator, m: int, n: int) -> tuple[Array, Array]:
        member = (np.arange(m + n) < m).astype(float)
        chance, other = rng.random((2, m + n))
        other = np.where(rng.random(m + n) < shared, chance, other)
        return np.abs(member - (chance < first)), np.abs(member - (other < second))

    return draw, first - second


def missed(draw: Draw, truth: float, m: int, n: int, draws: int) -> tuple[float, float]:
    """Return in which share of the draws the difference lies below the interval, and above."""
    rng, sides = np.random.default_rng(7), np.zeros(2)
    for _ in range(draws):
        told = apart(*draw(rng, m, n), m)
        sides += (truth < told.low - 1e-9, truth > told.high + 1e-9)
    below, above = (sides / draws).tolist()
    return below, above


def test_at_20_samples_near_1_the_interval_keeps_room_for_what_was_not_seen() -> None:
    draw, truth = bells(0.995, 0.98, 0.9)
    assert sum(missed(draw, truth, 20, 20, 200)) <= 0.07  # Student's misses it in every tenth draw


def test_two_models_that_separate_20_samples_perfectly_are_not_said_to_agree_for_certain() -> None:
    perfect = np.r_[np.full(20, 2.0), np.zeros(20)]
    told = apart(perfect, perfect + np.arange(40) / 100, 20)
    assert told.value == 0
    assert told.low < -0.1
    assert told.high > 0.1


def test_far_from_1_and_with_many_samples_pairs_are_told_apart_as_finely_as_by_student() -> None:
    rng = np.random.default_rng(0)
    first, second = bells(0.8, 0.75, 0.95)[0](rng, 1000, 1000)
    told = apart(first, second, 1000)
    ends = [statistics.placements(scores[:1000], scores[1000:]) for scores in (first, second)]
    spread = np.sqrt(sum((b - a).var(ddof=1) / 1000 for a, b in zip(*ends, strict=True)))
    assert told.high - told.low == pytest.approx(2 * 1.96 * spread, rel=0.05)


def test_a_value_without_an_interval_of_its_own_has_students() -> None:
    rng = np.random.default_rng(1)
    first, second = bells(0.8, 0.7, 0.5)[0](rng, 30, 30)
    made = [outcome_of(scores, 30) for scores in (first, second)]
    bare = []
    for outcome in made:
        assert outcome.finding is not None
        finding = Finding(outcome.finding.values, tables=outcome.finding.tables)
        bare.append(Outcome("privacy.lira", "a", "a", {}, "ok", finding, parts=outcome.parts))
    whole, student = difference(*made, "auc"), difference(*bare, "auc")
    assert whole is not None
    assert student is not None
    assert np.isfinite([student.low, student.high]).all()
    assert whole.low <= student.low < student.high <= whole.high


CASES = {
    "far": bells(0.8, 0.7, 0.9),
    "equal, near 1": bells(0.98, 0.98, 0.5),
    "near 1, tied": bells(0.95, 0.99, 0.99),
    "near 1, free": bells(0.995, 0.98, 0.0),
    "one near 1": bells(0.9, 0.99, 0.9),
    "few mistakes": mistakes(0.0, 0.05, 0.0),
    "shared mistakes": mistakes(0.02, 0.1, 0.5),
    "many mistakes": mistakes(0.3, 0.2, 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n"), [(20, 20), (50, 50), (200, 200), (20, 200)])
@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_the_difference_of_two_areas(case: str, m: int, n: int) -> None:
    below, above = missed(*CASES[case], m, n, 400)
    assert below + above <= 0.07
    assert max(below, above) <= 0.04
