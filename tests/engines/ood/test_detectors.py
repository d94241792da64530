"""Detectors against independent formulas, and each row by itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from tests.engines.ood.test_estimators import DETECTORS
from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
from xrai_widgets.engines.ood.estimators.forests import (
    IsolationForestDetector,
    LocalOutlierFactorDetector,
    ShuffleForestDetector,
)
from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
from xrai_widgets.engines.ood.estimators.outputs import EnergyDetector, GENDetector, MaxSoftmaxDetector
from xrai_widgets.engines.ood.estimators.table_encoder import TableEncoder

RNG = np.random.default_rng(0)
X, NEW = RNG.normal(size=(120, 5)), 2 * RNG.normal(size=(30, 5))
Y = RNG.integers(0, 3, 120)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
def test_a_score_does_not_depend_on_the_other_rows_of_the_call(detector: Any) -> None:
    fitted = detector.fit(X, Y)
    together = fitted.score_samples(NEW)
    alone = np.concatenate([fitted.score_samples(row[None]) for row in NEW])
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)
    assert np.array_equal(fitted.predict(NEW) < 0, together < fitted.offset_)


@pytest.mark.parametrize("normalize", [False, True])
def test_mahalanobis_is_the_distance_to_the_nearest_class(normalize: bool) -> None:
    def prepared(rows: Any) -> Any:
        return rows / np.sqrt((rows**2).sum(axis=1))[:, None] if normalize else rows

    rows, means = prepared(X), np.array([prepared(X)[c == Y].mean(axis=0) for c in range(3)])
    scatter = sum((row - means[c])[:, None] * (row - means[c])[None] for row, c in zip(rows, Y, strict=True))
    inverse = np.linalg.inv(scatter / len(rows))
    expected = [-min((row - mean) @ inverse @ (row - mean) for mean in means) for row in prepared(NEW)]
    scores = MahalanobisDetector(normalize=normalize, ridge=0.0).fit(X, Y).score_samples(NEW)
    np.testing.assert_allclose(scores, expected, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearest_neighbours_are_scikit_learns(metric: Any, k: int) -> None:
    near = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(X)
    expected = -near.kneighbors(NEW)[0][:, -1]
    detector = KNNDetector(n_neighbors=k, metric=metric).fit(X)
    np.testing.assert_allclose(detector.score_samples(NEW), expected, atol=1e-12)
    apart = np.sort(NearestNeighbors(n_neighbors=k + 1, metric=metric, algorithm="brute").fit(X).kneighbors(X)[0])[
        :, -1
    ]
    assert detector.offset_ == pytest.approx(-np.sort(apart)[::-1][int(np.floor(0.05 * 119))])


def test_scores_are_those_of_a_published_implementation() -> None:
    """pytorch-ood 0.4.0, in float32 for Mahalanobis; it takes means where papers take sums, and halves distances."""
    theirs = json.loads((Path(__file__).parent / "pytorch_ood_scores.json").read_text(encoding="utf-8"))
    rows, classes, new = (np.array(theirs[key]) for key in ("features", "classes", "new"))
    n, k = rows.shape
    for detector, key, factor in (
        (EnergyDetector(), "energy", 1.0),
        (MaxSoftmaxDetector(), "max_softmax", 1.0),
        (GENDetector(), "gen", k),
        (MahalanobisDetector(normalize=False, ridge=0.0), "mahalanobis", 2 * n),
    ):
        scores = -detector.fit(rows, classes).score_samples(new)
        np.testing.assert_allclose(scores, factor * np.array(theirs[key]), rtol=1e-6, err_msg=key)
    squared = np.array(theirs["knn"]) ** 2  # of rows of length 1: twice 1 − cosine
    np.testing.assert_allclose(-KNNDetector().fit(rows).score_samples(new), squared / 2, rtol=1e-6)


def test_scores_of_logits_are_their_formulas() -> None:
    p = softmax(NEW, axis=1)
    energy = 2 * logsumexp(NEW / 2, axis=1)
    np.testing.assert_allclose(EnergyDetector(temperature=2.0).fit(X).score_samples(NEW), energy)
    np.testing.assert_allclose(MaxSoftmaxDetector().fit(X).score_samples(NEW), p.max(axis=1))
    gen = -np.power(p * (1 - p), 0.1).sum(axis=1)
    np.testing.assert_allclose(GENDetector().fit(X).score_samples(NEW), gen)
    log_p = np.log(p)  # log-probabilities serve as logits
    np.testing.assert_allclose(GENDetector().fit(X).score_samples(log_p), gen)


def test_isolation_is_scikit_learns() -> None:
    own = IsolationForestDetector(n_estimators=20, random_state=3).fit(X).score_samples(NEW)
    theirs = IsolationForest(n_estimators=20, random_state=3).fit(X).score_samples(NEW)
    np.testing.assert_allclose(own, theirs)


def test_an_ensembles_p_values_come_from_rows_that_fitted_no_member() -> None:
    members: Any = [("far", MahalanobisDetector(normalize=False)), ("near", KNNDetector(), slice(0, 2))]
    apart = RNG.normal(size=(50, 5))
    fitted = EnsembleDetector(members).fit(X, calibration=apart)
    near, rows = KNNDetector().fit(X[:, :2]), apart[:, :2]
    expected = [(1 + (near.score_samples(rows) <= s).sum()) / 51 for s in near.score_samples(NEW[:, :2])]
    assert fitted.member_p_values(NEW)[1].tolist() == expected
    p = fitted.member_p_values(NEW)
    np.testing.assert_allclose(fitted.score_samples(NEW), np.log(2 / (1 / p[0] + 1 / p[1])))
    assert len(EnsembleDetector(members).fit(X).calibrations_[0]) == 48  # 40 of 100


def dependent(n: int, seed: int) -> Any:
    """Return rows whose second column is nearly the square of the first, beside a category that goes with its sign."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    return np.column_stack([first, first**2 + 0.1 * rng.normal(size=n), (first > 0).astype(float)])


def test_a_broken_dependency_is_found_and_an_isolation_forest_does_not_see_it() -> None:
    rows, new = dependent(600, 0), dependent(400, 1)
    shuffled = np.random.default_rng(2).permuted(new, axis=0)

    def area(detector: Any, one_hot: bool = False) -> float:
        fitted = make_pipeline(TableEncoder(categorical=(2,), one_hot=one_hot), detector).fit(rows)
        scores = -fitted.score_samples(np.concatenate([new, shuffled]))
        return float(roc_auc_score(np.repeat([0, 1], 400), scores))

    assert area(ShuffleForestDetector(n_estimators=30)) > 0.9
    assert area(KNNDetector(metric="euclidean"), one_hot=True) > 0.9
    assert area(IsolationForestDetector(n_estimators=30)) < 0.85


def test_an_encoder_shows_what_it_never_saw() -> None:
    rows = np.array([[1.0, 0.0], [2.0, 1.0], [np.nan, 0.0], [3.0, np.nan]])
    encoder = TableEncoder(categorical=(1,)).fit(rows)
    encoded = encoder.transform(rows)
    assert encoded.shape == (4, 1 + 1 + 3 + 1)  # number, its gap, three categories of which one is missing, the unseen
    np.testing.assert_allclose(encoded[:, :5].mean(axis=0), 0, atol=1e-12)
    assert encoded[:, 5].tolist() == [0.0] * 4
    assert encoder.transform([[1.0, 9.0]])[0, 5] == 1.0
    plain = TableEncoder(categorical=(1,), one_hot=False).fit(rows).transform([[np.nan, 9.0]])
    assert plain[0, 0] < 1.0
    assert plain[0, 1] == 9.0


@pytest.mark.parametrize(
    ("detector", "rows", "message"),
    [
        (KNNDetector(n_neighbors=9), X[:5], r"n_neighbors must lie in \[1, 4\] for 5 rows, got 9"),
        (KNNDetector(metric="taxi"), X, "metric must be 'cosine' or 'euclidean', got 'taxi'"),  # type: ignore[arg-type]  # wrong on purpose
        (EnergyDetector(temperature=0.0), X, "temperature must be above 0, got 0.0"),
        (EnsembleDetector(share=1.0), X, r"share must lie in \(0, 1\), got 1.0"),
        (LocalOutlierFactorDetector(alpha=0.9), X, r"alpha must lie in \(0, 0.5\], got 0.9"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(detector: Any, rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detector.fit(rows)
