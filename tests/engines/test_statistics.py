"""Intervals and rank statistics against published values, other implementations and brute force."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics

Z = 1.959963984540054


def kernel(positive: Array, negative: Array) -> Array:
    """1 where a positive beats a negative, one half where they tie."""
    return (positive[:, None] > negative).astype(float) + 0.5 * (positive[:, None] == negative)


def test_wilson_gives_newcombes_published_intervals_of_single_shares() -> None:
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (k, n), interval in published.items():
        assert statistics.wilson(k, n)[1:] == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_and_clopper_pearson_equal_scipy_for_every_count(level: float) -> None:
    for n in (1, 7, 40):
        for k in range(n + 1):
            test = stats.binomtest(k, n)
            wilson, exact = test.proportion_ci(level, "wilson"), test.proportion_ci(level, "exact")
            assert statistics.wilson(k, n, level) == pytest.approx((k / n, wilson.low, wilson.high), abs=1e-12)
            assert statistics.clopper_pearson(k, n, level) == pytest.approx((k / n, exact.low, exact.high), abs=1e-12)


def test_a_share_of_nothing_is_unknown() -> None:
    for interval in (statistics.wilson, statistics.clopper_pearson):
        value, low, high = interval(0, 0)
        assert math.isnan(value)
        assert (low, high) == (0.0, 1.0)


def test_wilson_of_a_mean_of_fractions_holds_the_mean_and_is_wider_than_the_fractions_need() -> None:
    fractions = np.random.default_rng(0).beta(5, 3, 400)
    estimate = statistics.wilson(float(fractions.sum()), 400)
    student = statistics.mean(fractions)
    assert estimate.value == pytest.approx(fractions.mean())
    assert estimate.low < student.low < student.high < estimate.high


def test_newcombe_gives_the_published_intervals_of_his_method_10() -> None:
    published = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (6, 7, 2, 7): (0.0582, 0.8062),
        (5, 56, 0, 29): (-0.0381, 0.1926),
        (0, 10, 0, 20): (-0.1611, 0.2775),
        (0, 10, 0, 10): (-0.2775, 0.2775),
        (10, 10, 0, 20): (0.6791, 1.0),
        (10, 10, 0, 10): (0.6075, 1.0),
    }
    for (a, m, b, n), interval in published.items():
        difference = statistics.newcombe(statistics.wilson(a, m), statistics.wilson(b, n))
        assert difference == pytest.approx((a / m - b / n, *interval), abs=5e-5)


def test_newcombe_changes_sign_with_the_order_of_the_shares() -> None:
    first, second = statistics.wilson(56, 70), statistics.wilson(48, 80)
    there, back = statistics.newcombe(first, second), statistics.newcombe(second, first)
    assert there == pytest.approx((-back.value, -back.high, -back.low))


@pytest.mark.parametrize("ties", [False, True])
def test_the_auc_is_that_of_scikit_learn_and_its_interval_delongs_where_samples_are_many(ties: bool) -> None:
    rng = np.random.default_rng(3)
    positive, negative = rng.normal(0.7, 1, 1300), rng.normal(0, 1, 1700)
    if ties:
        positive, negative = positive.round(), negative.round()
    wins = kernel(positive, negative)
    variance = wins.mean(axis=1).var(ddof=1) / 1300 + wins.mean(axis=0).var(ddof=1) / 1700
    area, low, high = statistics.auc(positive, negative)
    truth = np.repeat([1, 0], [1300, 1700])
    assert area == pytest.approx(roc_auc_score(truth, np.r_[positive, negative]), abs=1e-12)
    assert area == pytest.approx(wins.mean(), abs=1e-12)
    assert (area - low, high - area) == pytest.approx((Z * np.sqrt(variance),) * 2, rel=0.04)


def test_the_area_of_one_constant_group_has_the_exact_interval_of_a_share() -> None:
    """Members all at 1 and others at 1 or 0: the area is (1 + share at 0) / 2, so its interval is that of the share."""
    for zeros in (5, 20, 50):
        others = np.r_[np.zeros(zeros), np.ones(100 - zeros)]
        area, low, high = statistics.auc(np.ones(100), others)
        share = statistics.clopper_pearson(zeros, 100)
        assert area == (1 + share.value) / 2
        assert low <= (1 + share.low) / 2 + 0.01
        assert high == pytest.approx((1 + share.high) / 2, abs=0.015)


def test_the_auc_turns_round_with_the_groups() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(0.5, 1, 30).round(1), rng.normal(0, 1, 50).round(1)
    there, back = statistics.auc(first, second), statistics.auc(second, first)
    assert there == pytest.approx((1 - back.value, 1 - back.high, 1 - back.low), abs=1e-12)


def test_the_auc_of_an_empty_group_is_unknown() -> None:
    value, low, high = statistics.auc(np.array([]), np.array([1.0]))
    assert math.isnan(value)
    assert (low, high) == (0.0, 1.0)


def test_separated_groups_get_an_interval_that_does_not_collapse() -> None:
    low_scores, high_scores = np.zeros(30), np.ones(40)
    above, below = statistics.auc(high_scores, low_scores), statistics.auc(low_scores, high_scores)
    assert (above.value, above.high) == (1.0, 1.0)
    assert 0.85 < above.low < 0.99
    assert below == pytest.approx((0.0, 0.0, 1 - above.low), abs=1e-9)


def test_a_single_sample_in_a_group_says_little_about_the_area() -> None:
    negative = np.random.default_rng(0).normal(size=500)
    area, low, high = statistics.auc(np.array([np.quantile(negative, 0.6)]), negative)
    assert area == pytest.approx(0.6, abs=0.01)
    assert high - low > 0.7


def test_the_roc_curve_of_the_reference_vector_is_known() -> None:
    y, p = np.array([1, 0, 1, 1]), np.array([0.35, 0.3, 0.33, 0.6])
    assert statistics.tpr_at_fpr(p[y == 1], p[y == 0], 0.001) == (0.0, 1.0, 0.33)
    fpr, tpr, thresholds = statistics.roc(p[y == 1], p[y == 0])
    assert fpr.tolist() == [0, 0, 0, 0, 1]
    assert tpr.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert thresholds.tolist() == [np.inf, 0.6, 0.35, 0.33, 0.3]


def test_the_roc_curve_counts_the_rule_score_at_least_threshold() -> None:
    rng = np.random.default_rng(5)
    positive, negative = rng.normal(1, 1, 37).round(1), rng.normal(0, 1, 53).round(1)
    fpr, tpr, thresholds = statistics.roc(positive, negative)
    assert fpr == pytest.approx([(negative >= t).mean() for t in thresholds])
    assert tpr == pytest.approx([(positive >= t).mean() for t in thresholds])
    assert np.trapezoid(tpr, fpr) == pytest.approx(statistics.auc(positive, negative).value)
    assert (fpr[-1], tpr[-1]) == (1.0, 1.0)


@pytest.mark.parametrize("limit", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_the_rule_at_a_limit_is_the_most_sensitive_one_that_keeps_it(limit: float) -> None:
    rng = np.random.default_rng(6)
    positive, negative = rng.normal(1, 1, 70).round(1), rng.normal(0, 1, 90).round(1)
    fpr, tpr, threshold = statistics.tpr_at_fpr(positive, negative, limit)
    rules = [((negative >= t).mean(), (positive >= t).mean()) for t in np.r_[np.inf, positive, negative]]
    assert fpr <= limit + 1e-12
    assert tpr == max(hits for alarms, hits in rules if alarms <= limit + 1e-12)
    assert (tpr, fpr) == ((positive >= threshold).mean(), (negative >= threshold).mean())


def test_no_rule_without_false_alarms_means_a_threshold_above_everything() -> None:
    assert statistics.tpr_at_fpr(np.zeros(3), np.zeros(4), 0.01) == (0.0, 0.0, np.inf)


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (101, 0.5), (100, 0.95), (400, 0.99)])
def test_the_ranks_around_a_quantile_cover_it_with_at_least_their_level(n: int, q: float) -> None:
    ordered = np.arange(1.0, n + 1)
    value, low, high = statistics.quantile(ordered[::-1].copy(), q)
    assert value == pytest.approx(np.quantile(ordered, q))
    upto = stats.binom(n, q).cdf  # the i-th value is at or below the quantile if at least i values are
    assert upto(high - 1) - upto(low - 1) >= 0.95
    assert upto(high - 2) <= 0.975  # one rank less at the top, or at the bottom, would miss the level
    assert 1 - upto(low) <= 0.975


def test_the_interval_of_a_quantile_goes_through_monotone_changes_of_the_scale() -> None:
    values = np.random.default_rng(1).normal(size=151)
    plain, bent = statistics.quantile(values, 0.5), statistics.quantile(np.exp(values), 0.5)
    assert bent == pytest.approx(tuple(np.exp(plain)))


def test_a_quantile_that_the_sample_is_too_small_for_has_an_open_interval() -> None:
    values = np.arange(60.0)
    assert statistics.quantile(values, 0.99).high == np.inf
    assert statistics.quantile(values, 0.99).low > 50
    assert statistics.quantile(values, 0.01).low == -np.inf
    assert statistics.quantile(values[:5], 0.5)[1:] == (-np.inf, np.inf)  # 1 - 2⁻⁴ < 95 %
    assert statistics.quantile(values[:6], 0.5)[1:] == (0.0, 5.0)


def test_the_mean_has_students_interval() -> None:
    values = np.random.default_rng(2).normal(3, 2, 17)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert statistics.mean(values) == pytest.approx((values.mean(), interval.low, interval.high))
    assert statistics.mean(np.array([4.0])) == (4.0, -np.inf, np.inf)


def test_the_bootstrap_is_decided_by_its_seed_and_near_students_interval() -> None:
    values = np.random.default_rng(7).normal(1, 1, 300)

    def mean(index: Array) -> float:
        return float(values[index].mean())

    first, again, other = (statistics.bootstrap(mean, 300, seed=seed, repeats=2000) for seed in (1, 1, 2))
    assert first == again
    assert first[1:] != other[1:]
    assert first == pytest.approx(tuple(statistics.mean(values)), abs=0.015)


def test_the_bootstrap_leaves_out_draws_where_the_number_is_not_defined() -> None:
    def odd(index: Array) -> float:
        return 1.0 if index.sum() == 45 else float("nan") if index[0] % 2 else 2.0

    assert statistics.bootstrap(odd, 10, seed=0) == (1.0, 1.0, 2.0)


def test_the_bootstrap_of_a_number_that_is_never_defined_knows_nothing() -> None:
    estimate = statistics.bootstrap(lambda _: float("nan"), 10, seed=0)
    assert math.isnan(estimate.value)
    assert estimate[1:] == (-np.inf, np.inf)
