"""Alarms ring as often as was asked, for every detector, and say so where they cannot."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import xrai_widgets as xw
from xrai_widgets.core import Array
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
from xrai_widgets.engines.ood.estimators.forests import (
    IsolationForestDetector,
    LocalOutlierFactorDetector,
    ShuffleForestDetector,
)
from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
from xrai_widgets.engines.ood.estimators.outputs import EnergyDetector, GENDetector, MaxSoftmaxDetector
from xrai_widgets.engines.ood.estimators.reliable_classifier import ForeignInput
from xrai_widgets.engines.ood.estimators.table_encoder import TableEncoder

OF_ROWS = {
    "mahalanobis": MahalanobisDetector(normalize=False),
    "knn": KNNDetector(metric="euclidean"),
    "shuffle_forest": ShuffleForestDetector(n_estimators=10),
    "isolation_forest": IsolationForestDetector(n_estimators=10),
    "local_outlier_factor": LocalOutlierFactorDetector(),
    "ensemble": EnsembleDetector([("mahalanobis", MahalanobisDetector(normalize=False)), ("knn", KNNDetector())]),
}
OF_LOGITS = {"energy": EnergyDetector(), "gen": GENDetector(), "max_softmax": MaxSoftmaxDetector()}


def pool(seed: int, n: int = 5000) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) @ rng.normal(size=(4, 4)) + 2 * np.eye(4)[y], y


def false_alarms(name: str, splits: int, alpha: float) -> Array:
    """Return the share of alarms among new rows, for draws of training, fitting, calibrating and test rows."""
    X, y = pool(0)
    shares = []
    for split in range(splits):
        order = np.random.default_rng([split, 5]).permutation(len(X))
        train, fit, calibrate, test = order[:300], order[300:600], order[600:1100], order[1100:1900]
        model = LogisticRegression(max_iter=500).fit(X[train], y[train])
        features = model.decision_function if name in OF_LOGITS else None
        alarm = xw.ReliableClassifier(model, {**OF_ROWS, **OF_LOGITS}[name], features, alpha)
        alarm.fit(X[fit], X_calibration=X[calibrate])
        shares.append(alarm.foreign(X[test]).mean())
    return np.array(shares)


def held(shares: Array, alpha: float) -> None:
    error = shares.std(ddof=1) / np.sqrt(len(shares))
    assert shares.mean() <= alpha + 2 * error
    assert shares.mean() >= alpha / 2, "an alarm that never rings is none"


@pytest.mark.parametrize("name", [*OF_ROWS, *OF_LOGITS])
def test_false_alarms_are_what_was_asked_for(name: str) -> None:
    held(false_alarms(name, 8, 0.05), 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("name", [*OF_ROWS, *OF_LOGITS])
def test_false_alarms_are_what_was_asked_for_over_a_hundred_splits(name: str, alpha: float) -> None:
    held(false_alarms(name, 100, alpha), alpha)


@pytest.mark.parametrize("name", ["mahalanobis", "shuffle_forest"])
def test_fold_by_fold_false_alarms_are_below_twice_what_was_asked_for(name: str) -> None:
    X, y = pool(1)
    model, shares = LogisticRegression(max_iter=500).fit(X[:300], y[:300]), []
    for split in range(6):
        order = np.random.default_rng(split).permutation(len(X))
        alarm = xw.ReliableClassifier(model, OF_ROWS[name], alpha=0.05).fit(X[order[:200]])
        assert (alarm.n_calibration_, alarm.guarantee_) == (200, 0.1)
        shares.append(alarm.foreign(X[order[200:1000]]).mean())
    assert np.mean(shares) <= 0.1


def test_each_p_value_of_a_fold_is_that_of_its_own_detector() -> None:
    X, y = pool(2, 60)
    model = LogisticRegression().fit(X, y)
    alarm = xw.ReliableClassifier(model, MahalanobisDetector(), alpha=0.1).fit(X).alarm_
    assert [len(part) for part in alarm.calibrations] == [6] * 10
    new = X[:1] + 1.0
    count = sum(
        int((part >= -detector.score_samples(new)[0]).sum())
        for detector, part in zip(alarm.detectors, alarm.calibrations, strict=True)
    )
    assert alarm.ask(new)[1][0] == (1 + count) / 61


def test_p_values_are_ranks_and_ties_do_not_ring() -> None:
    calibration = np.array([1.0, 2.0, 2.0, 5.0])
    assert conformal.p_values(np.array([0.0, 2.0, 3.0, 5.0, 6.0]), calibration).tolist() == [1.0, 0.8, 0.4, 0.4, 0.2]
    rng = np.random.default_rng(0)
    for n in (5, 19, 99, 300):
        rows = np.sort(rng.integers(0, 40, n).astype(float))
        new = rng.integers(-5, 60, 200).astype(float)
        for alpha in (0.01, 0.05, 0.2):
            rung = conformal.rings(conformal.p_values(new, rows), alpha)
            assert np.array_equal(rung, new > conformal.threshold(rows, alpha))


def test_what_is_picked_out_of_a_batch_is_benjamini_and_hochbergs() -> None:
    p = np.array([0.01, 0.9, 0.04, 0.03, 0.5])
    assert conformal.discoveries(p, 0.1).tolist() == [True, False, True, True, False]
    assert conformal.discoveries(p, 0.04).tolist() == [False] * 5
    m, n, rate = 50, 99, 0.1  # so many must be as foreign as can be before any is picked out
    need = conformal.fewest(m, n, rate)
    for foreign in (need - 1, need):
        batch = np.r_[np.full(foreign, 1 / (n + 1)), np.ones(m - foreign)]
        assert conformal.discoveries(batch, rate).any() == (foreign == need)
    assert conformal.fewest(m, int(m / rate) - 1, rate) == 1


def digits_forest(seed: int) -> xw.Subject:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = order[:700], order[700:]
    model = RandomForestClassifier(100, random_state=seed).fit(X[train], y[train])
    return xw.Subject.of(model, X[test], y[test], X_train=X[train], y_train=y[train])


def test_a_forest_on_digits_is_calibrated_on_rows_that_it_has_not_seen() -> None:
    """Calibrated on training rows, of which a forest is surer, the same alarm rings far too often."""
    rates, wrong = [], []
    for seed in range(3):
        subject = digits_forest(seed)
        assert subject.X_train is not None
        finding = xw.assess(subject, "ood.max_softmax", alpha=0.01, strict=True).finding
        assert finding is not None
        rates.append(finding.values["false_alarms"])
        scores, seen = (-subject.predict(part).max(axis=1) for part in (subject.X, subject.X_train[:140]))
        wrong.append(conformal.rings(conformal.p_values(scores, np.sort(seen)), 0.01).mean())
    assert np.mean(rates) <= 0.015
    assert np.mean(wrong) > 0.1


def test_a_classifier_that_is_not_sure_of_a_row_abstains_or_raises() -> None:
    X, y = pool(3)
    model = LogisticRegression(max_iter=500).fit(X[:500], y[:500])
    alarm = xw.ReliableClassifier(model, MahalanobisDetector(normalize=False), alpha=0.01).fit(X[500:2500])
    assert (alarm.n_calibration_, alarm.guarantee_, alarm.smallest_alpha_) == (1000, 0.01, 1 / 1001)
    rows = np.vstack([X[2500:2503], 50 + X[:1]])
    predicted = alarm.predict(rows)
    assert predicted.mask.tolist() == [False, False, False, True]
    assert np.array_equal(predicted[:3], model.predict(rows[:3]))
    assert alarm.predict_proba(rows).mask[3].all()
    alarm.on_foreign = "raise"
    with pytest.raises(ValueError, match=r"1 of the rows are foreign at α = 0.01 \(rows 3; smallest p-value 0.000999"):
        alarm.predict(rows)


def test_a_table_with_words_and_gaps_goes_through_a_pipeline() -> None:
    X, y = pool(4, 700)
    table = pd.DataFrame(X, columns=list("abcd"))
    table["kind"] = np.where(X[:, 0] > 0, 1.0, 0.0)
    table.loc[::9, "b"] = np.nan
    model = make_pipeline(TableEncoder(categorical=(4,)), LogisticRegression(max_iter=500)).fit(table[:200], y[:200])
    detector = make_pipeline(TableEncoder(categorical=(4,)), MahalanobisDetector(normalize=False))
    alarm = xw.ReliableClassifier(model, detector, alpha=0.05).fit(table[200:])
    odd = table[:2].assign(kind=[7.0, table["kind"][1]])
    odd.loc[1, "c"] = np.nan  # where no number was missing before
    assert alarm.foreign(odd).tolist() == [True, True]
    few = xw.ReliableClassifier(model, detector, alpha=0.05).fit(table[200:400])
    assert few.foreign(odd).tolist() == [True, True]


def test_what_workers_send_home_keeps_its_rows() -> None:
    error = ForeignInput(np.array([3]), np.array([0.01]), 0.05)
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.rows.tolist(), back.p_values.tolist()) == (str(error), [3], [0.01])


def test_labels_may_be_words() -> None:
    X, y = pool(6, 700)
    words = np.array(["a", "b", "c"])[y]
    model = LogisticRegression(max_iter=500).fit(X[:200], words[:200])
    alarm = xw.ReliableClassifier(model, MahalanobisDetector(normalize=False)).fit(X[200:], words[200:])
    assert set(alarm.predict(X[:50]).compressed()) <= {"a", "b", "c"}


def test_functions_subjects_and_torch_modules_stand_beside_a_detector() -> None:
    torch = pytest.importorskip("torch")
    X, y = pool(6, 700)
    words = np.array(["a", "b", "c"])[y]
    model = LogisticRegression(max_iter=500).fit(X[:200], y[:200])
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5))
    with torch.no_grad():
        module[0].weight[:], module[0].bias[:] = torch.as_tensor(model.coef_), torch.as_tensor(model.intercept_)
    subject = xw.Subject.of(LogisticRegression(max_iter=500).fit(X[:200], words[:200]), X[:200], words[:200])
    wanted = model.predict(X[:50])
    for kind, labels in (
        (model.predict_proba, wanted),
        (model.decision_function, wanted),
        (model.predict, wanted),
        (module, wanted),
        (subject, np.array(["a", "b", "c"])[wanted]),
    ):
        alarm = xw.ReliableClassifier(kind, MahalanobisDetector(normalize=False)).fit(X[200:])
        predicted = alarm.predict(np.r_[X[:50], X[:1] + 50])
        assert predicted.mask[-1]
        np.testing.assert_array_equal(predicted.data[:50], labels)
        if kind == model.predict:
            assert alarm.classes_.tolist() == [0, 1, 2]
            with pytest.raises(TypeError, match="labels alone"):
                alarm.predict_proba(X[:50])
        else:
            np.testing.assert_allclose(alarm.predict_proba(X[:50]).data, model.predict_proba(X[:50]), atol=1e-6)
            assert len(alarm.classes_) == 3
    assert module.training, "the user's module stays as it is"
    back = pickle.loads(pickle.dumps(alarm))
    np.testing.assert_array_equal(back.p_values(X[:9]), alarm.p_values(X[:9]))


def test_what_cannot_be_asked_is_named() -> None:
    X, _ = pool(6, 60)
    with pytest.raises(TypeError, match="a function of the rows, got str"):
        xw.ReliableClassifier("model", KNNDetector()).fit(X)
    with pytest.raises(TypeError, match=r"a function of the rows, got .*LogisticRegression"):
        xw.ReliableClassifier(LogisticRegression, KNNDetector()).fit(X)  # has a method predict, of no model
    with pytest.raises(ValueError, match=r"at least two classes, got shape \(60, 1\)"):
        xw.ReliableClassifier(lambda rows: rows[:, :1], KNNDetector()).fit(X)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": 0.001}, r"alpha must be at least 0.0164 with 60 rows that calibrate.*it takes 999 rows"),
        ({"alpha": 0.7}, r"alpha must lie in \(0, 0.5\], got 0.7"),
        ({"on_foreign": "hide"}, "on_foreign must be 'mask' or 'raise', got 'hide'"),
    ],
)
def test_an_alarm_that_could_never_ring_is_refused(words: dict[str, Any], message: str) -> None:
    X, y = pool(5, 60)
    with pytest.raises(ValueError, match=message):
        xw.ReliableClassifier(LogisticRegression().fit(X, y), KNNDetector(), **words).fit(X)
