"""Do the intervals hold what they promise? Long simulations, with seeds."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.benchmarks.table import alone
from xrai_widgets.core import Array, Subject
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

pytestmark = pytest.mark.slow

REPEATS = 200
ENOUGH = 180  # of 200; an interval of exactly 95 % fails this once in 900 seeds


def known_rule(X: Array) -> Array:
    """A model that has seen no data at all."""
    one = 1 / (1 + np.exp(-X @ np.array([1.0, -1.0, 0.5, 0.0])))
    return np.column_stack([1 - one, one])


def subject(seed: int, fitted: bool) -> Subject:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 4))
    y = (rng.random(2000) < known_rule(X)[:, 1]).astype(int)
    model = LogisticRegression().fit(X[:1000], y[:1000]) if fitted else known_rule
    return Subject.of(model, X[1000:], y[1000:], X_train=X[:1000], y_train=y[:1000])


@pytest.fixture(scope="module", params=[False, True], ids=["known rule", "logistic regression"])
def outcomes(request: pytest.FixtureRequest) -> list[xw.Outcome]:
    """Membership inference on 200 models that memorise nothing."""
    return [alone(subject(seed, request.param), "privacy.membership_inference", seed=seed) for seed in range(REPEATS)]


@pytest.mark.parametrize(("key", "chance"), [("auc", 0.5), ("advantage", 0.0), ("balanced_accuracy", 0.5)])
def test_the_interval_covers_chance_where_nothing_is_memorised(
    outcomes: list[xw.Outcome], key: str, chance: float
) -> None:
    intervals = [outcome.finding.intervals[key] for outcome in outcomes if outcome.finding is not None]
    assert len(intervals) == REPEATS
    assert sum(low <= chance <= high for low, high in intervals) >= ENOUGH


def test_a_model_that_memorises_nothing_rarely_fails(outcomes: list[xw.Outcome]) -> None:
    policy = xw.Policy.default()
    checks = [{check.key: check.status for check in outcome.verdict(policy).checks} for outcome in outcomes]
    assert sum(check["advantage"] != "fail" for check in checks) >= ENOUGH
    assert sum(check["tpr_at_fpr_1pct"] != "fail" for check in checks) >= ENOUGH
    assert sum(check["advantage"] == "pass" for check in checks) >= ENOUGH


def test_the_auc_interval_is_not_wider_than_it_must_be(outcomes: list[xw.Outcome]) -> None:
    values = np.array([outcome.finding.values["auc"] for outcome in outcomes if outcome.finding is not None])
    widths = [np.diff(outcome.finding.intervals["auc"])[0] for outcome in outcomes if outcome.finding is not None]
    assert np.mean(widths) / (2 * 1.96 * values.std()) == pytest.approx(1, abs=0.15)


def share_coverage(interval: Callable[[int, int], Estimate], n: int, p: float) -> float:
    """Exact probability that the interval of k out of n holds p."""
    counts = np.arange(n + 1)
    held = [low <= p <= high for _, low, high in (interval(int(k), n) for k in counts)]
    return float(stats.binom.pmf(counts, n, p)[held].sum())


@pytest.mark.parametrize("n", [10, 50, 400])
def test_wilson_covers_95_percent_on_average_and_clopper_pearson_always(n: int) -> None:
    grid = np.linspace(0.005, 0.995, 199)
    wilson = np.array([share_coverage(statistics.wilson, n, p) for p in grid])
    exact = np.array([share_coverage(statistics.clopper_pearson, n, p) for p in grid])
    assert 0.945 < wilson.mean() < 0.96
    assert np.quantile(wilson, 0.05) > 0.9
    assert exact.min() >= 0.95


@pytest.mark.parametrize(("m", "n"), [(15, 40), (60, 60)])
def test_newcombe_covers_95_percent_on_average(m: int, n: int) -> None:
    firsts = [statistics.wilson(k, m) for k in range(m + 1)]
    seconds = [statistics.wilson(k, n) for k in range(n + 1)]
    bounds = np.array([[statistics.newcombe(a, b)[1:] for b in seconds] for a in firsts])
    rng = np.random.default_rng(0)
    covered = []
    for p, q in rng.uniform(0.02, 0.98, (300, 2)):
        held = (bounds[..., 0] <= p - q) & (p - q <= bounds[..., 1])
        weight = stats.binom.pmf(np.arange(m + 1), m, p)[:, None] * stats.binom.pmf(np.arange(n + 1), n, q)
        covered.append(weight[held].sum())
    assert 0.945 < np.mean(covered) < 0.97
    assert np.quantile(covered, 0.05) > 0.92


@pytest.mark.parametrize(("m", "n"), [(20, 20), (40, 80), (200, 200)])
@pytest.mark.parametrize("area", [0.5, 0.7, 0.9, 0.97, 0.99])
def test_delong_covers_the_area_of_two_normal_groups(area: float, m: int, n: int) -> None:
    """Near 1, and of few samples, it keeps room for mistakes that were not seen, which normal groups do not need."""
    shift = np.sqrt(2) * stats.norm.ppf(area)
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        _, low, high = statistics.auc(rng.normal(shift, 1, m), rng.normal(size=n))
        held += low <= area <= high
    assert held / 2000 > 0.93
    if area <= 0.9 and m == 200:
        assert held / 2000 < 0.985


@pytest.mark.parametrize(("n", "q"), [(9, 0.5), (200, 0.5), (100, 0.95), (60, 0.99), (2000, 0.99)])
def test_the_interval_of_a_quantile_covers_it_whatever_the_distribution(n: int, q: float) -> None:
    rng = np.random.default_rng(3)
    for draw, true in ((rng.standard_cauchy, stats.cauchy.ppf(q)), (rng.standard_exponential, stats.expon.ppf(q))):
        held = 0
        for _ in range(2000):
            _, low, high = statistics.quantile(draw(n), q)
            held += low <= true <= high
        assert held / 2000 > 0.94


def test_the_bootstrap_of_a_mean_covers_it() -> None:
    rng, held = np.random.default_rng(4), 0
    for seed in range(400):
        values = rng.exponential(size=150)
        _, low, high = statistics.bootstrap(lambda i, v=values: float(v[i].mean()), 150, seed=seed, repeats=300)
        held += low <= 1 <= high
    assert 0.9 < held / 400 < 0.98
