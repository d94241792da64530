"""Differences of two medians over the same samples."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.pace import work
from xrai_widgets.core import Array, Finding, Outcome, Subject
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.results.differences import difference
from xrai_widgets.results.medians import paired_interval
from xrai_widgets.widgets import OutcomeView

CEM, KEY = "explanations.cem", "median_pn_distance"


def outcome_of(distance: Array, name: str = "a") -> Outcome:
    table = pd.DataFrame({"part": "X", "id": np.arange(len(distance)), KEY: distance})
    finding = Finding({KEY: float(np.median(distance))}, tables={"medians": table})
    return Outcome(CEM, name, name, {}, "ok", finding, parts={"X": "same"})


def draw(rng: np.random.Generator, n: int, together: float) -> tuple[Array, Array]:
    """Two dependent distances per sample, with medians 1 and exp(0.3)."""
    normal = rng.multivariate_normal([0, 0], [[1, together], [together, 1]], size=n)
    return np.exp(normal[:, 0]), np.exp(0.5 * normal[:, 1] + 0.3)


def test_the_difference_is_that_of_the_medians_in_pairs(rng: np.random.Generator) -> None:
    first, second = draw(rng, 400, 0.8)
    apart = difference(outcome_of(first), outcome_of(second), KEY)
    assert apart is not None
    assert apart.value == pytest.approx(np.median(second) - np.median(first))
    assert (apart.pairs, apart.why) == (400, "")
    assert 0 < apart.low < np.exp(0.3) - 1 < apart.high


def test_pairs_tell_more_than_shuffled_ones(rng: np.random.Generator) -> None:
    first, second = draw(rng, 400, 0.95)
    low, high = paired_interval(first, second)
    wide = paired_interval(first, rng.permutation(second))
    assert high - low < 0.8 * (wide[1] - wide[0])
    assert paired_interval(first, second) == (low, high)
    opposite = paired_interval(second, first)
    assert opposite == pytest.approx((-high, -low), rel=0.2)


def test_models_that_agree_on_a_few_samples_are_not_said_to_agree_for_certain(rng: np.random.Generator) -> None:
    first, _ = draw(rng, 20, 0.0)
    low, high = paired_interval(first, first)
    assert low < 0 < high
    assert high - low > 0.05
    assert paired_interval(first[:3], first[:3]) == (-np.inf, np.inf)


def test_what_is_beyond_measure_widens_the_interval_and_never_becomes_a_number(rng: np.random.Generator) -> None:
    first, second = draw(rng, 60, 0.5)
    some, half = np.where(np.arange(60) < 10, np.inf, second), np.where(np.arange(60) < 29, np.inf, second)
    assert np.isfinite(paired_interval(first, some)).all()
    low, high = paired_interval(first, half)
    assert np.isfinite(low)
    assert high == np.inf
    assert paired_interval(half, half) == (-np.inf, np.inf)
    beyond = np.full(60, np.inf)
    assert paired_interval(beyond, beyond) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("n", "together"),
    [(20, 0.8), *(pytest.param(n, rho, marks=pytest.mark.slow) for n in (20, 100, 400) for rho in (0.0, 0.8))],
)
def test_the_interval_covers_the_difference_95_times_in_100(n: int, together: float) -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        low, high = paired_interval(*draw(rng, n, together))
        hits += low <= np.exp(0.3) - 1 <= high
    assert hits >= 276  # 0.92: three standard errors below 0.95


def test_the_same_pairs_are_resampled_once(rng: np.random.Generator) -> None:
    pairs = rng.random((2, 5_000))
    assert np.isfinite(paired_interval(*pairs)).all()
    with work() as again:
        paired_interval(*pairs)
    assert again.seconds < 0.05


def logistic_of(strength: float) -> Subject:
    X, y = load_iris(return_X_y=True)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    model = LogisticRegression(C=strength).fit(X, y)
    return Subject.of(model, X, y, X_train=X, y_train=y, bounds=(0.0, 1.0), name=f"C = {strength}")


def test_two_models_are_compared_by_share_and_distance_of_their_pertinent_negatives() -> None:
    params = {"n_samples": 40, "mode": "PN", "noise": 0.0}
    runs = [xw.assess(logistic_of(strength), CEM, **params) for strength in (0.1, 100.0)]
    made = xw.compare(*runs)
    rows = {row.key: row for row in made.rows}
    for key in ("pn_share", KEY):
        apart = rows[key].differences[1]
        assert apart is not None
        assert (apart.pairs, apart.why) == (40, ""), key
        assert apart.low <= apart.value <= apart.high
    kept = [outcome_from_dict(outcome_to_dict(run)) for run in runs]
    assert xw.compare(*kept).table().equals(made.table())
    assert "40 pairs" in made.to_html()
    alone = [xw.assess(logistic_of(1.0), CEM, **{**params, "seed": seed}) for seed in (0, 1)]
    apart = difference(*alone, KEY)
    assert apart is not None
    assert apart.why == "not the same samples were measured"


def test_what_serves_the_comparison_only_is_not_shown(logistic: Subject) -> None:
    outcome = xw.assess(logistic, CEM, n_samples=4, noise=0.0)
    assert outcome.finding is not None
    view = OutcomeView(outcome)
    view._tabs.selected_index = 1
    shown = {table.caption for table in view._tables.children}
    report = xw.report([outcome]).to_html()
    assert "samples" in shown
    assert 'aria-label="samples' in report
    for name in ("contributions", "medians"):
        assert name in outcome.finding.tables
        assert name not in shown
        assert f'aria-label="{name}' not in report
