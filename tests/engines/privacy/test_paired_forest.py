"""PDTP of a random forest by paired bootstraps: an estimator of its own."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

from xrai_widgets.core import Array, Finding, Subject, quiet
from xrai_widgets.engines.privacy.pdtp.paired_forest import Pairs, bootstraps_of
from xrai_widgets.runtime import Meter, RunStep, assess, run

pytestmark = pytest.mark.usefixtures("without_controls")

PAIRED: dict[str, Any] = {"forest": "paired bootstraps", "strict": True}


def subject_of(model: Any, X: Array, y: Array) -> Subject:
    return Subject.of(model.fit(X, y), X, y, X_train=X, y_train=y)


def found(subject: Subject, **options: Any) -> Finding:
    finding = assess(subject, "privacy.pdtp", **options).finding
    assert finding is not None
    return finding


def test_only_the_trees_that_drew_a_sample_change_and_they_are_grown_without_it(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    model = RandomForestClassifier(4, random_state=0).fit(X, y)
    trees = bootstraps_of(model, X, y, 2, 2, 5)
    assert trees.count == 8
    chosen = np.array([3, 17])
    pairs = Pairs(trees, chosen, 0, quiet)
    for place, index in enumerate(chosen):
        keep = np.arange(30) != index
        outputs = []
        for number in range(8):
            weights = trees.weights(number)
            assert weights.sum() == 30
            if weights[index]:  # on the other rows alone, as if the sample had never been there
                alone = replace(trees, X=X[keep], y=y[keep])
                outputs.append(alone.grow(number, weights[keep], X[index : index + 1])[0])
            else:
                outputs.append(trees.grow(number, weights, X[index : index + 1])[0])
        assert pairs.without(place, trees(int(index)))[0] == pytest.approx(np.mean(outputs, axis=0), abs=1e-12)


def test_it_finds_the_planted_sample_and_is_quieter_than_honest_refits(rng: np.random.Generator) -> None:
    X = np.r_[rng.normal(0, 1, (60, 2)), rng.normal(2, 1, (60, 2)), [[9.0, 9.0]]]
    y = np.r_[np.zeros(60, int), np.ones(60, int), 0]
    subject = subject_of(RandomForestClassifier(20, random_state=0), X, y)
    options = {"samples": "1, 70, 110, 120", "repeats": 2, "null_draws": 12}
    paired, honest = found(subject, **options, **PAIRED), found(subject, **options, strict=True)
    table, other = (finding.tables["samples"].set_index("id") for finding in (paired, honest))
    assert table["excess"].idxmax() == 120
    assert table.loc[120, "p_value"] < 0.1
    assert table["null"].mean() < other["null"].mean()
    assert "another estimator than honest refits: 40 trees" in paired.notes[0]
    again = found(subject, **options, **PAIRED)
    assert again.tables["samples"].equals(paired.tables["samples"])


def test_large_leaves_leak_nothing(rng: np.random.Generator) -> None:
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    subject = subject_of(RandomForestClassifier(15, min_samples_leaf=40, random_state=0), X, y)
    finding = found(subject, n_samples=12, repeats=2, null_draws=8, **PAIRED)
    assert finding.values["worst_excess"] < 0.1
    assert finding.values["share_significant"] < 0.4


def test_regression_forests_have_shifts() -> None:
    X, y = load_diabetes(return_X_y=True)
    subject = subject_of(RandomForestRegressor(10, random_state=0), X[:120], y[:120])
    finding = found(subject, n_samples=8, repeats=1, null_draws=5, **PAIRED)
    assert finding.values["mean_excess"] > 0
    assert "shift" in finding.tables["samples"]


@pytest.mark.parametrize(
    "model",
    [
        ExtraTreesClassifier(5),
        RandomForestClassifier(5, bootstrap=False),
        RandomForestClassifier(5, class_weight="balanced"),
    ],
    ids=["no random forest", "no bootstrap", "weights"],
)
def test_what_has_no_bootstraps_to_pair_is_not_applicable(model: Any, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    outcome = assess(subject_of(model, X, y), "privacy.pdtp", forest="paired bootstraps")
    assert outcome.status == "not applicable"
    assert outcome.instead == "forest='honest refits'"
    asked = assess(subject_of(model, X, y), "privacy.pdtp", forest="paired bootstraps", at="all")
    assert "at must be 'record'" in asked.reason


def test_the_answers_of_all_trees_keep_to_the_memory_limit(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(2000, 2)), np.arange(2000) % 2
    subject = subject_of(RandomForestClassifier(10, max_depth=2, random_state=0), X, y)
    outcome = assess(
        subject, "privacy.pdtp", forest="paired bootstraps", n_samples=2000, repeats=1000, memory_limit=0.05
    )
    assert outcome.status == "error"
    assert "forest='paired bootstraps' needs 0.6 GB here, memory_limit must be at least that" in outcome.reason


def test_a_cancelled_run_goes_on_with_the_same_numbers(
    rng: np.random.Generator,
) -> None:
    X, y = rng.normal(size=(60, 3)), rng.integers(0, 2, 60)
    subject = subject_of(RandomForestClassifier(5, random_state=0), X, y)
    params = {"n_samples": 8, "repeats": 1, "null_draws": 5, "forest": "paired bootstraps"}
    cancel = threading.Event()

    class Stop(RunStep):
        def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
            if note.startswith("3 of"):
                cancel.set()
            super().__call__(done, note, partial)

    first = run(subject, "privacy.pdtp", params, step=Stop(Meter(cancel)))
    assert first.status == "cancelled"
    second = run(subject, "privacy.pdtp", params, step=RunStep(earlier=first.finding), strict=True).finding
    whole = found(subject, strict=True, **params)
    assert second is not None
    assert "Continued" in second.notes[-1]
    assert second.tables["samples"].equals(whole.tables["samples"])
