"""Smoothing against closed forms: linear models, known shares, and smoothed trees that can be written down."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, norm
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Constraint, Finding, NotApplicable, Subject, registered
from xrai_widgets.engines.robustness.smoothing import Votes, smoothing
from xrai_widgets.results.policy import judge
from xrai_widgets.runtime import run

WIDE = np.array([[-20.0] * 3, [20.0] * 3])  # noise ends nowhere
WEIGHTS = np.array([3.0, -2.0, 1.0])


def _linear(X: Array) -> Array:
    right = (X @ WEIGHTS - 1.0 > 0).astype(float)
    return np.column_stack([1 - right, right])


def _asked(predict: Any, X: Array, y: Array, bounds: Array = WIDE, **words: Any) -> Finding:
    return smoothing(predict, X, y, bounds, **{"n_samples": len(X), "sigma": 0.2, "scale": "raw", **words})


def test_of_a_linear_model_the_vote_is_certain_up_to_the_plane_and_no_farther() -> None:
    X = np.random.default_rng(0).random((40, 3))
    span = WIDE * np.array([1.0, 2.0, 4.0])  # the plane is as far as the scaled margin says
    y = _linear(X).argmax(axis=1)
    draws, alpha, sigma = 20_000, 0.05, 0.005
    table = _asked(_linear, X, y, span, draws=draws, alpha=alpha, sigma=sigma, scale="range").tables["samples"]
    margin = np.abs(X @ WEIGHTS - 1.0) / np.linalg.norm(WEIGHTS * (span[1] - span[0]))
    share = norm.cdf(margin / sigma)
    low, votes = table["distance"].fillna(0.0).to_numpy(), table["votes"].to_numpy()
    assert (low <= margin).all()
    np.testing.assert_allclose(votes, share, atol=4.5 * 0.5 / np.sqrt(draws))
    k = np.rint(votes * draws)
    least = beta.ppf(alpha / 40, k, draws - k + 1)
    np.testing.assert_allclose(low, np.where(least > 0.5, sigma * norm.ppf(least), 0.0), atol=1e-12)
    far = margin < 2.5 * sigma
    assert (margin - low)[far & (low > 0)].max() < sigma * 5.5 * 0.5 / np.sqrt(draws) / norm.pdf(
        margin[far] / sigma
    ).min()


@pytest.mark.parametrize("share", [0.55, 0.9, 0.99])
def test_the_lower_end_of_a_share_is_too_high_as_seldom_as_is_said(share: float) -> None:
    alpha, n = 0.05, 3000
    votes = Votes.none(n, 1.0, alpha)
    for i, k in enumerate(np.random.default_rng(1).binomial(1000, share, n)):
        votes.settle(i, 0, int(k), 1000)
    wrong = (votes.least > share).mean()
    assert wrong <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / n)
    assert wrong >= alpha / 4  # neither is it idle
    assert ((votes.distance > 0) == (votes.least > 0.5)).all()


def _smoothed(model: Any, points: Array, sigma: float) -> Array:
    """Return the exact share (n,) of class 1 under noise of a tree in the plane."""
    cuts = [np.unique(model.tree_.threshold[model.tree_.feature == f]) for f in (0, 1)]
    edges = [np.r_[-np.inf, c, np.inf] for c in cuts]
    inner = [np.r_[c[0] - 1, (c[1:] + c[:-1]) / 2, c[-1] + 1] for c in cuts]
    cells = np.array(list(itertools.product(*inner)))
    one = model.predict(cells).reshape(len(inner[0]), len(inner[1]))
    mass = [np.diff(norm.cdf((edges[f][None] - points[:, f, None]) / sigma), axis=1) for f in (0, 1)]
    share: Array = np.einsum("na,ab,nb->n", mass[0], one, mass[1])
    return share


def test_no_change_inside_the_distance_alters_the_vote_of_a_tree() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((300, 2))
    y = ((np.floor(2.2 * X[:, 0]) + np.floor(2.2 * X[:, 1])) % 2).astype(int)
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X[:250], y[:250])
    subject = Subject.of(model, X[250:], y[250:], bounds=(0.0, 1.0))
    sigma = 0.15
    outcome = run(subject, "robustness.smoothing", {"sigma": sigma, "draws": 2000, "n_samples": 50}, strict=True)
    assert outcome.finding is not None
    table = outcome.finding.tables["samples"]
    sure = table["distance"].notna().to_numpy()
    assert sure.sum() > 20
    angle = np.linspace(0, 2 * np.pi, 73)[:-1]
    way = np.column_stack([np.cos(angle), np.sin(angle)])
    tight = 0
    for row in np.flatnonzero(sure):
        x, distance, voted = subject.X[row], float(table["distance"][row]), int(table["voted"][row])
        for part in (0.5, 1.0):
            share = _smoothed(model, x + part * distance * way, sigma)
            assert ((share > 0.5) == (voted == 1)).all(), row
        beyond = _smoothed(model, x + 2.0 * distance * way, sigma)
        tight += bool(((beyond > 0.5) != (voted == 1)).any())
    assert tight > 0.5 * sure.sum()  # twice as far many votes turn: the distance is no idle one


def test_at_its_distance_a_vote_does_not_count_any_more() -> None:
    X, y = np.random.default_rng(0).random((5, 3)), np.ones(5, dtype=int)
    most = 0.2 * norm.ppf((0.05 / 5) ** (1 / 300))  # every draw for one class: the largest distance that there is

    def always(rows: Array) -> Array:
        return np.tile([0.0, 1.0], (len(rows), 1))

    table = _asked(always, X, y, draws=300).tables["samples"]
    np.testing.assert_allclose(table["distance"], most)
    at = float(table["distance"][0])
    assert _asked(always, X, y, draws=300, epsilon=at).values["smoothed_certified_accuracy"] == 0.0
    assert _asked(always, X, y, draws=300, epsilon=0.999 * at).values["smoothed_certified_accuracy"] == 1.0


def test_a_coin_gets_no_vote() -> None:
    X = np.tile([[1.0, 0.0, 0.0]], (10, 1)) / WEIGHTS[0]  # on the plane
    finding = _asked(_linear, X, np.ones(10, dtype=int), draws=500)
    assert finding.values["abstained"] == 1.0
    assert finding.values["smoothed_accuracy"] == 0.0
    assert set(finding.tables["samples"]["status"]) == {"no clear vote"}
    assert finding.tables["samples"]["distance"].isna().all()


def test_a_certain_vote_for_another_class_counts_as_wrong() -> None:
    X = np.tile([[0.9, 0.0, 0.9]], (6, 1))
    finding = _asked(_linear, X, np.zeros(6, dtype=int), draws=300, epsilon=0.0)
    assert set(finding.tables["samples"]["status"]) == {"wrong"}
    assert finding.values == pytest.approx(
        {"smoothed_certified_accuracy": 0, "smoothed_accuracy": 0, "abstained": 0, "accuracy": 0}
    )


def test_only_columns_of_numbers_get_noise_whole_ones_are_rounded_and_the_others_named() -> None:
    asked: list[Array] = []

    def predict(X: Array) -> Array:
        asked.append(X)
        return np.tile([1.0, 0.0], (len(X), 1))

    kinds: tuple[Constraint, ...] = (
        Constraint(),
        Constraint("integer"),
        Constraint(immutable=True),
        Constraint(group="g"),
    )
    X = np.array([[0.5, 3.0, 0.2, 1.0], [0.1, 1.0, 0.7, 0.0]])
    bounds = np.array([[0.0] * 4, [1.0, 9.0, 1.0, 1.0]])
    finding = smoothing(predict, X, np.zeros(2, dtype=int), bounds, kinds, draws=50)
    noisy = np.vstack(asked[2:])
    assert len(noisy) == 2 * (100 + 50)
    assert (noisy[:, 1] == np.rint(noisy[:, 1])).all()
    assert 0.5 < noisy[:150, 1].std() < 1.3  # 0.1 of a range of 9
    assert set(noisy[:, 2]) == {0.2, 0.7}
    assert set(noisy[:, 3]) == {0.0, 1.0}
    inner = noisy[(noisy[:, 0] > 0) & (noisy[:, 0] < 1), 0]
    assert len(set(inner)) == len(inner) > 200
    assert noisy[:, :2].min(axis=0).tolist() == [0.0, 0.0]  # where noise ends
    assert any("change: 2, 3." in note for note in finding.notes)
    kinds, X, bounds = kinds[2:], X[:, 2:], bounds[:, 2:]
    with pytest.raises(NotApplicable, match="Gaussian noise fits none"):
        smoothing(predict, X, np.zeros(2, dtype=int), bounds, kinds)


def test_the_draws_of_a_sample_do_not_depend_on_which_others_are_looked_at() -> None:
    X = np.random.default_rng(0).random((12, 3))
    y = _linear(X).argmax(axis=1)
    every = _asked(_linear, X, y, draws=200).tables["samples"].set_index("id")
    some = _asked(_linear, X, y, draws=200, samples="7, 3").tables["samples"].set_index("id")
    assert some["votes"].tolist() == every.loc[[7, 3], "votes"].tolist()


def test_certificates_of_the_smoothed_model_are_never_those_of_the_audited_one_and_judge_nothing() -> None:
    mine, audited = (
        {measure.key for measure in registered()[f"robustness.{name}"].measures if measure.key != "accuracy"}
        for name in ("smoothing", "certified")
    )
    assert not mine & audited
    X = np.random.default_rng(0).random((20, 3))
    subject = Subject.of(_linear, X, _linear(X).argmax(axis=1), bounds=(0.0, 1.0))
    outcome = run(subject, "robustness.smoothing", {"draws": 100}, strict=True)
    assert judge(outcome).status == "not judged"
    assert outcome.finding is not None
    assert any("not of the audited model" in note for note in outcome.finding.notes)
