"""The true-positive rate at a low false-positive rate, and what few samples can say about it."""

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.privacy.attacks.low_rates import LOW_RATES, low_rates


def covered(m: int, n: int, shift: float, repeats: int, decimals: int = 9, share: float = 1.0) -> dict[str, float]:
    """How often the intervals hold the true rate where members are normal around ``shift`` and others around 0."""
    rng, held = np.random.default_rng(m + n), dict.fromkeys(LOW_RATES, 0)
    for _ in range(repeats):
        members, others = rng.normal(shift, 1, m).round(decimals), rng.normal(size=n).round(decimals)
        estimates, _, _ = low_rates(members, others, share)
        for key, limit in LOW_RATES.items():
            true = stats.norm.sf(stats.norm.isf(limit) - shift)
            held[key] += estimates[key].low <= true <= estimates[key].high
    return {key: count / repeats for key, count in held.items()}


@pytest.mark.parametrize(("m", "n"), [(20, 20), (50, 50), (200, 200), (600, 400), (5000, 5000)])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_interval_holds_the_rate_at_the_true_false_positive_rate_and_not_only_at_the_observed_one(
    m: int, n: int, shift: float
) -> None:
    assert min(covered(m, n, shift, 100).values()) >= 0.95


def test_the_interval_of_the_hits_alone_would_promise_too_much() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        members, others = rng.normal(size=5000), rng.normal(size=5000)
        _, tpr, _ = statistics.tpr_at_fpr(members, others, 0.01)
        _, low, high = statistics.clopper_pearson(round(tpr * 5000), 5000)
        held += low <= 0.01 <= high
    assert held < 270


@pytest.mark.parametrize(
    ("n", "bounded", "told"),
    [
        (20, (), ("0.1%", "1.0%")),
        (50, (), ("0.1%", "1.0%")),
        (200, (), ("0.1%", "1.0%")),
        (500, ("tpr_at_fpr_1pct",), ("0.1%",)),
        (5000, ("tpr_at_fpr_1pct", "tpr_at_fpr_0_1pct"), ()),
    ],
)
def test_a_full_leak_is_only_called_one_at_rates_that_the_non_members_can_support(
    n: int, bounded: tuple[str, ...], told: tuple[str, ...]
) -> None:
    estimates, table, notes = low_rates(np.full(n, 1.0), np.linspace(0, 0.5, n))
    for key, estimate in estimates.items():
        assert estimate.value == 1 == estimate.high
        assert (estimate.low > 0.7) == (key in bounded)
        assert (estimate.low == 0) == (key not in bounded)
    assert len(notes) == len(told)
    assert all(any(rate in note for note in notes) for rate in told)
    assert table["hits"].tolist() == [n, n]
    assert table["false_positives"].tolist() == [0, 0]


def test_too_few_non_members_are_said_in_words() -> None:
    rng = np.random.default_rng(7)
    _, _, few = low_rates(rng.normal(size=200), rng.normal(size=200))
    assert few[0] == "The TPR at FPR 1.0% has no lower limit: that takes 390 non-members, got 200."
    assert few[1].startswith("200 non-members cannot show a false-positive rate of 0.1%")
    assert f"{1 - 0.025 ** (1 / 200):.2%}" in few[1]
    _, _, many = low_rates(rng.normal(size=5000), rng.normal(size=5000))
    assert many == ()


def test_no_leak_at_two_hundred_samples_is_not_shown_to_be_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        estimates, _, _ = low_rates(rng.normal(size=200), rng.normal(size=200))
        assert all(estimate.low == 0 for estimate in estimates.values())


def test_an_interval_over_half_of_the_samples_is_wider() -> None:
    rng = np.random.default_rng(2)
    members, others = rng.normal(1, 1, 4000), rng.normal(size=4000)
    (whole, _, _), (half, _, _) = low_rates(members, others), low_rates(members, others, 0.5)
    for key in LOW_RATES:
        assert half[key].value == whole[key].value
        assert half[key].low < whole[key].low
        assert half[key].high > whole[key].high


def test_ties_leave_the_interval_valid() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        members, others = (rng.choice([0.0, 1.0, 2.0], 500, p=[0.9, 0.092, 0.008]) for _ in range(2))
        _, low, high = low_rates(members, others)[0]["tpr_at_fpr_1pct"]
        held += low <= 0.008 <= high
    assert held >= 190
