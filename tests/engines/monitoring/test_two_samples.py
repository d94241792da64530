"""Distances and p-values of two samples: the truth to six places, uniform p-values, intervals that cover."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines.monitoring._samples import TwoSamples
from xrai_widgets.engines.monitoring._shares import Rows, apart, bergsma, chi_square, excess, js_of, psi_of, smoothed
from xrai_widgets.engines.monitoring._tests import cvm_p, of_categories, of_numbers, of_shares

TABLE = Rows(np.array([50, 30, 20]), np.array([40, 30, 30]))
DECILES = stats.norm.ppf(np.arange(1, 10) / 10)


def masses(mu: float, sigma: float = 1.0, edges: Array = DECILES) -> Array:
    return np.diff(stats.norm.cdf(edges, mu, sigma), prepend=0.0, append=1.0)


@pytest.mark.parametrize(
    ("mu", "sigma", "truth"),
    [(0.25, 1, 0.05981558), (0.5, 1, 0.23774920), (1, 1, 0.92614242), (0, 2, 0.49075393), (0.3, 1.2, 0.10985482)],
)
def test_the_index_of_normal_masses(mu: float, sigma: float, truth: float) -> None:
    assert psi_of(masses(0), masses(mu, sigma)) == pytest.approx(truth, abs=1e-8)


def test_the_index_between_equal_edges_with_open_ends() -> None:
    edges = np.linspace(-4, 4, 11)[1:-1]
    assert psi_of(masses(0, edges=edges), masses(1, edges=edges)) == pytest.approx(0.9492446607, abs=1e-10)


def test_a_table_of_three_categories() -> None:
    assert chi_square(TABLE) == pytest.approx(3.11111111, abs=1e-8)
    assert of_categories(TABLE, np.random.default_rng(0)) == pytest.approx(0.21107209, abs=1e-8)
    assert bergsma(TABLE) == pytest.approx(0.07438487, abs=1e-8)
    assert psi_of(TABLE.before / 100, TABLE.now / 100) == pytest.approx(0.06286087, abs=1e-8)
    index = float(psi_of(smoothed(TABLE.before), smoothed(TABLE.now)))
    assert index == pytest.approx(0.06088406, abs=1e-8)
    assert index - excess(TABLE) == pytest.approx(0.02088406, abs=1e-8)
    both = apart(TABLE, np.random.default_rng(0))
    assert (both.psi.value, both.js.value) == pytest.approx((0.02088406, 0.10619851), abs=1e-8)
    assert np.sqrt(js_of(TABLE.before / 100, TABLE.now / 100)) == pytest.approx(0.10619851, abs=1e-8)


def test_bergsmas_v_is_that_of_scipy() -> None:
    table = np.array([[5, 30, 20, 7], [40, 30, 30, 2]])
    assert chi_square(Rows(*table)) == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)


@pytest.mark.parametrize(
    ("mu", "ks", "cvm", "js"),
    [(1.0, 0.38292492, 0.08023755, 0.16074722), (0.5, 0.19741265, 0.02219268, 0.04372996)],
)
def test_two_normal_populations(mu: float, ks: float, cvm: float, js: float) -> None:
    n = 400_000
    grid = stats.norm.ppf((np.arange(n) + 0.5) / n)
    two = TwoSamples.of(grid, grid + mu)
    assert float(two.distances.ks) == pytest.approx(ks, abs=3e-6)
    assert float(two.distances.w1) == pytest.approx(mu, abs=1e-9)
    assert float(two.distances.cvm) / (n / 2) == pytest.approx(cvm, abs=3e-6)
    edges = np.linspace(-12, 12, 200_001)
    assert js_of(masses(0, edges=edges), masses(mu, edges=edges)) == pytest.approx(js, abs=1e-6)


def test_the_statistics_are_scipys_where_nothing_is_tied() -> None:
    rng = np.random.default_rng(1)
    for n, m in ((12, 30), (90, 130), (400, 300)):
        before, now = rng.normal(size=n), rng.normal(0.2, size=m)
        two = TwoSamples.of(before, now)
        gap, other = stats.ks_2samp(before, now), stats.cramervonmises_2samp(before, now, method="asymptotic")
        assert float(two.distances.ks) == pytest.approx(gap.statistic)
        assert float(two.distances.cvm) == pytest.approx(other.statistic)
        assert float(two.distances.w1) == pytest.approx(stats.wasserstein_distance(before, now))
        p = of_numbers(two, rng)
        assert p.cvm == pytest.approx(other.pvalue, abs=1e-9)
        assert p.ks == pytest.approx(
            gap.pvalue if n * m <= 10_000 else stats.ks_2samp(before, now, method="asymp").pvalue
        )


def test_one_outlier_hides_nothing() -> None:
    rng = np.random.default_rng(2)
    before, now = rng.normal(size=2000), rng.normal(1, size=2000)
    plain = TwoSamples.of(before, now)
    hidden = TwoSamples.of(np.append(before, 1e4), now)
    indices = [apart(two.in_bins(10), np.random.default_rng(0)).psi.value for two in (plain, hidden)]
    assert indices[0] > 0.8
    assert indices[1] == pytest.approx(indices[0], abs=0.02)
    assert hidden.spread == pytest.approx(plain.spread, rel=0.01)


def test_rows_in_another_order_and_another_scale_are_the_same_drift() -> None:
    rng = np.random.default_rng(3)
    before, now = rng.normal(size=300), rng.normal(0.4, size=200)
    first = TwoSamples.of(before, now)
    for other in (TwoSamples.of(before[::-1], now[::-1]), TwoSamples.of(np.exp(before), np.exp(now))):
        assert float(other.distances.ks) == pytest.approx(float(first.distances.ks))
        assert float(other.distances.cvm) == pytest.approx(float(first.distances.cvm))
        assert [*map(list, other.in_bins(10))] == [*map(list, first.in_bins(10))]
    units = TwoSamples.of(7 * before + 3, 7 * now + 3)
    assert float(units.distances.w1) / units.spread == pytest.approx(float(first.distances.w1) / first.spread)


def test_turned_round_tied_samples_are_as_far_apart() -> None:
    rng = np.random.default_rng(4)
    before, now = rng.integers(0, 4, 60).astype(float), rng.integers(0, 5, 40).astype(float)
    first, turned = TwoSamples.of(before, now), TwoSamples.of(-before, -now)
    for name in ("ks", "w1", "cvm"):
        assert float(getattr(turned.distances, name)) == pytest.approx(float(getattr(first.distances, name)))


def test_fishers_mid_p_by_hand() -> None:
    chances = {k: stats.hypergeom.pmf(k, 40, 12, 20) for k in range(13)}
    mine = chances[3]
    rarer = sum(chance for chance in chances.values() if chance < mine * (1 - 1e-9))
    tied = sum(chance for chance in chances.values() if abs(chance - mine) <= mine * 1e-9)
    assert of_shares(3, 20, 9, 20) == pytest.approx(rarer + tied / 2)
    assert of_shares(0, 20, 0, 20) == 1.0


def ten_percent(rng: np.random.Generator, n: int) -> Array:
    return np.round(rng.normal(size=n), 1)


NULLS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "continuous": lambda rng, n: rng.normal(size=n),
    "four values": lambda rng, n: rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]).astype(float),
    "rounded": ten_percent,
}


@pytest.mark.parametrize("kind", NULLS)
def test_clean_samples_have_uniform_p_values(kind: str) -> None:
    rng = np.random.default_rng(5)
    draws = 150
    p = np.array([of_numbers(TwoSamples.of(NULLS[kind](rng, 120), NULLS[kind](rng, 80)), rng) for _ in range(draws)])
    p += rng.uniform(-0.5, 0.5, p.shape) / 1000  # permutations give steps
    for column in p.T:
        assert stats.kstest(column, "uniform").pvalue > 0.001


def test_clean_tables_have_uniform_p_values_rare_categories_included() -> None:
    rng = np.random.default_rng(6)
    for shares in (np.full(5, 0.2), np.array([0.6, 0.3, 0.06, 0.02, 0.01, 0.01])):
        p = [of_categories(Rows(rng.multinomial(300, shares), rng.multinomial(200, shares)), rng) for _ in range(150)]
        assert stats.kstest(p, "uniform").pvalue > 0.001


def test_the_limit_of_cramer_von_mises_falls() -> None:
    p = [cvm_p(statistic, 100, 50) for statistic in np.linspace(0, 3, 100)]
    assert p[0] == 1.0
    assert all(first >= second for first, second in pairwise(p))
    assert cvm_p(0.461, 10**6, 10**6) == pytest.approx(0.05, abs=2e-4)  # Anderson and Darling 1952, table 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(200, 200), (2000, 500)])
def test_intervals_cover_and_clean_ones_hold_nothing(n: int, m: int) -> None:
    rng, draws = np.random.default_rng(7), 400
    for mu in (0.0, 0.25, 0.5, 1.0):
        index, p = float(psi_of(masses(0), masses(mu))), float(js_of(masses(0), masses(mu)))
        truths = (2 * stats.norm.cdf(mu / 2) - 1, mu, index, np.sqrt(p))
        held, above = np.zeros(4), np.zeros(4)
        for _ in range(draws):
            two = TwoSamples.of(rng.normal(size=n), rng.normal(mu, 1, size=m))
            distance = apart(two.in_bins(10), rng, 500)
            for place, (one, truth) in enumerate(
                zip((*two.estimates(rng), distance.psi, distance.js), truths, strict=True)
            ):
                held[place] += one.low <= truth <= one.high
                above[place] += one.low > 0
        slack = 2 * np.sqrt(0.07 * 0.93 / draws)
        assert (held / draws >= 0.93 - slack).all(), (mu, held / draws)
        if mu == 0:
            assert (above / draws <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / draws)).all(), above / draws
