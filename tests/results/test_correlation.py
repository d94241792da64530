"""Spearman's ρ and the partial one: against closed forms, brute force and simulated tables."""

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.core.holm import holm
from xrai_widgets.results import correlation
from xrai_widgets.results.correlation import spearman


def two(n: int, rho: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Normal scores whose Pearson correlation is rho."""
    first, noise = rng.standard_normal((2, n))
    return first, rho * first + np.sqrt(1 - rho**2) * noise


def test_the_value_is_that_of_scipy_with_ties(rng: np.random.Generator) -> None:
    first, second = (np.round(score) for score in two(60, 0.5, rng))
    got = spearman(first, second)
    assert got.rho == pytest.approx(stats.spearmanr(first, second).statistic)
    assert got.low < got.rho < got.high


def test_scores_beyond_everything_are_tied_and_kept(rng: np.random.Generator) -> None:
    first, second = two(60, 0.5, rng)
    second[second > 0.5] = np.inf
    as_far = np.where(np.isinf(second), 1e6, second)
    assert spearman(first, second) == spearman(first, as_far)


def test_a_partial_correlation_is_that_of_the_ranks_residuals(rng: np.random.Generator) -> None:
    common = rng.standard_normal(80)
    first, second = (common + rng.standard_normal(80) for _ in range(2))
    ranks = np.stack([stats.rankdata(row) for row in (first, second, common)])
    r = np.corrcoef(ranks)
    closed = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert spearman(first, second, common[None]).rho == pytest.approx(closed)


def test_what_the_controls_explain_is_no_relation_beyond_them(rng: np.random.Generator) -> None:
    common = rng.standard_normal(300)
    first, second = (common + rng.standard_normal(300) for _ in range(2))
    plain, partial = spearman(first, second), spearman(first, second, common[None])
    assert plain.p < 0.01
    assert plain.low > 0.2
    assert partial.low < 0 < partial.high


def test_a_score_that_is_the_control_itself_has_no_partial_correlation(rng: np.random.Generator) -> None:
    first, second = two(50, 0.5, rng)
    assert np.isnan(spearman(first, second, -first[None]).rho)


def test_a_control_that_never_varies_holds_nothing_fixed(rng: np.random.Generator) -> None:
    first, second = two(50, 0.5, rng)
    assert spearman(first, second, np.ones((1, 50))) == spearman(first, second)


@pytest.mark.parametrize("n", [0, 1, correlation.FEWEST - 1])
def test_few_samples_say_nothing(n: int) -> None:
    assert np.isnan(spearman(np.arange(n), np.arange(n)).rho)


def test_a_score_that_is_the_same_for_all_says_nothing(rng: np.random.Generator) -> None:
    assert np.isnan(spearman(np.ones(40), rng.standard_normal(40)).rho)


def test_resamples_rank_anew(rng: np.random.Generator) -> None:
    """Counts of repeated samples give the ranks that the repeated samples have."""
    row = np.array([3.0, 1.0, 1.0, np.inf, 2.0, np.inf])
    counts = np.array([[2.0, 0.0, 1.0, 1.0, 2.0, 0.0], [1.0] * 6])
    ranks = correlation._mid_ranks(row, counts)
    for got, times in zip(ranks, counts.astype(int), strict=True):
        repeated = stats.rankdata(np.repeat(row, times))
        np.testing.assert_allclose(np.repeat(got, times), repeated)


def test_the_p_value_of_a_few_samples_is_the_share_of_all_their_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation, "FEWEST", 5)
    monkeypatch.setattr(correlation, "_RESAMPLES", 20_000)
    from itertools import permutations

    first, second = np.arange(6.0), np.array([0.0, 2.0, 1.0, 3.0, 5.0, 4.0])
    all_of_them = [abs(np.corrcoef(first, order)[0, 1]) for order in permutations(second)]
    exact = np.mean(np.array(all_of_them) >= abs(np.corrcoef(first, second)[0, 1]) - 1e-9)
    assert spearman(first, second).p == pytest.approx(exact, abs=0.005)


def test_holm_steps_down_and_skips_what_is_no_test() -> None:
    np.testing.assert_allclose(holm(np.array([0.04, np.nan, 0.01, 0.03])), [0.06, np.nan, 0.03, 0.06])


def test_the_order_of_scores_and_the_seed_settle_everything(rng: np.random.Generator) -> None:
    first, second = two(40, 0.3, rng)
    assert spearman(first, second, seed=3) == spearman(first, second, seed=3)
    assert spearman(first, second).rho == pytest.approx(spearman(second, first).rho)


def test_tables_of_any_length_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    first, second = two(200, 0.3, rng)
    monkeypatch.setattr(correlation, "_AT_ONCE", 50)
    got = spearman(first, second, rng.standard_normal((1, 200)))
    assert 0 < got.low < got.high < 1


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 30, 100])
@pytest.mark.parametrize("kind", ["normal", "tied"])
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.9])
def test_intervals_cover_and_independent_scores_are_not_called_related(n: int, kind: str, rho: float) -> None:
    def drawn(size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        first, second = two(size, rho, rng)
        return (first, second) if kind == "normal" else (np.round(first), np.where(second > 0.3, np.inf, second))

    truth = stats.spearmanr(*drawn(400_000, np.random.default_rng(1))).statistic
    got = [spearman(*drawn(n, np.random.default_rng([n, seed])), seed=seed) for seed in range(500)]
    got = [one for one in got if not np.isnan(one.rho)]
    assert len(got) > 450
    error = 2 * np.sqrt(0.95 * 0.05 / len(got))
    assert np.mean([one.low <= truth <= one.high for one in got]) >= 0.93 - error
    if rho == 0:
        assert np.mean([one.p <= 0.05 for one in got]) <= 0.05 + error
