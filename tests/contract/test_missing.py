"""What every engine does with missing numbers: it ends, and what it holds fixed it never changes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.contract.catalog import GAPS, every_engine, first, load, small, with_gaps
from xrai_widgets.core import Assessment, Finding, Predict, Step, find, quiet
from xrai_widgets.core.subject import Array
from xrai_widgets.runtime import run

# what they ask about is what lies beyond the data: empty cells, values outside of the ranges
BEYOND_THE_DATA = {"robustness.corruptions", "robustness.expectations"}
OUTSIDE = {"ood.gen", "ood.max_softmax"}  # synthetic foreign samples lie outside of the ranges, and have no empty cells


def boosted(library: str, name: str, **words: Any) -> Callable[[], Any]:
    return lambda: getattr(pytest.importorskip(library), name)(n_estimators=10, **words)


MODELS: dict[str, Callable[[], Any]] = {
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(max_iter=10),
    "imputed logistic regression": lambda: make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)),
    "XGBoost": boosted("xgboost", "XGBClassifier"),
    "LightGBM": boosted("lightgbm", "LGBMClassifier", verbosity=-1),
}


def lacking(entry: Assessment) -> list[str]:
    """Return what the engine needs and the subject with missing cells has not: then it says so, whatever is missing."""
    pictures = [] if "tabular" in entry.inputs else ["pictures"]
    return pictures + [name for name in entry.needs if getattr(load(GAPS), name) is None]


def test_the_subject_has_samples_with_and_without_missing_cells() -> None:
    subject = load(GAPS)
    assert 0.3 < subject.missing.any(axis=1).mean() < 0.7
    assert [kind.kind for kind in subject.constraints] == ["continuous", "continuous", "continuous", "integer"]


@every_engine
def test_every_engine_ends_well_on_missing_cells_or_says_why_not(entry: Assessment) -> None:
    outcome = first(entry, GAPS).outcome
    if lacking(entry):
        assert outcome.status == "not applicable"
        return
    if entry.missing == "refused":
        assert outcome.status == "not applicable"
        assert "holds missing numbers (in debt, age)" in outcome.reason
        return
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    assert all(np.isfinite(value) for value in outcome.finding.values.values())
    if entry.missing == "own value":
        assert any("missing" in note for note in outcome.finding.notes), "it says so"


@every_engine
def test_no_engine_asks_the_model_about_cells_that_are_missing_in_no_sample(entry: Assessment) -> None:
    """Whatever is asked: in the columns without gaps there is a number, and no mark reaches the model."""
    if entry.name in BEYOND_THE_DATA or lacking(entry):
        return
    subject = load(GAPS)
    whole = [column for column in range(subject.X.shape[1]) if not np.isnan(subject.X[:, column]).any()]
    seen: list[Array] = []

    def watching(X: Array) -> Array:
        seen.append(X)
        return subject.predict(X)

    outcome = run(replace(subject, predict=watching), entry, small(entry))
    assert outcome.status == "ok", outcome.reason
    if not seen:
        return
    asked = np.concatenate(seen)
    assert np.isfinite(asked[:, whole]).all()
    assert subject.bounds is not None
    low, high = subject.bounds
    if entry.name in OUTSIDE:
        return
    assert not ((asked < low - 1e-9) | (asked > high + 1e-9)).any()


@pytest.mark.parametrize(("name", "norm"), [*((name, "l2") for name in MODELS), ("HistGradientBoosting", "linf")])
def test_evasion_never_changes_a_missing_cell(name: str, norm: str) -> None:
    subject = with_gaps(MODELS[name]())
    outcome = run(subject, "robustness.evasion", {"n_samples": 20, "max_iter": 2, "norm": norm}, strict=True)
    assert outcome.finding is not None
    table, index = outcome.finding.tables["samples"], outcome.finding.arrays["index"]
    found = (table["status"] == "found").to_numpy()
    gone = np.isnan(subject.X[index][found])
    assert gone.any(axis=1).sum() >= 5
    assert np.array_equal(np.isnan(outcome.finding.arrays["nearest"][found]), gone)
    assert not outcome.finding.bounds or name != "imputed logistic regression"


@pytest.mark.parametrize("name", MODELS)
def test_explanations_never_change_a_missing_cell(name: str) -> None:
    subject = with_gaps(MODELS[name]())
    outcome = run(subject, "explanations.cem", {"n_samples": 12, "max_iter": 20, "binary_steps": 3}, strict=True)
    assert outcome.finding is not None
    arrays = outcome.finding.arrays
    gone = np.isnan(subject.X[arrays["index"]])
    assert gone.any(axis=1).sum() >= 5
    for key in ("original", "pn", "pp", "baseline"):
        assert np.array_equal(np.isnan(arrays[key]), gone), key
    assert (arrays["pn_change"][gone] == 0).all()
    assert (arrays["pp_change"][gone] == 0).all()
    rows = outcome.finding.tables["rows"]
    for place, sample in enumerate(subject.ids[arrays["index"]]):
        changed = set(rows[rows["id"] == sample]["feature"])
        assert not changed & {subject.feature_names[column] for column in np.flatnonzero(gone[place])}


def test_the_search_for_the_boundary_holds_missing_cells_too() -> None:
    subject = load(GAPS)
    patterns = {tuple(row) for part in (subject.X, subject.X_train) for row in np.isnan(part).tolist()}  # type: ignore[arg-type]  # it has both

    def watching(X: Array) -> Array:
        assert {tuple(row) for row in np.isnan(X).tolist()} <= patterns
        return subject.predict(X)

    params = {"attack": "boundary distance", "n_samples": 20, "max_iter": 2, "repeats": 2}
    assert run(replace(subject, predict=watching), "privacy.label_only", params, strict=True).status == "ok"
    outcome = run(subject, "privacy.label_only", {**params, "implementation": "art"})
    assert (outcome.status, outcome.instead) == ("not applicable", "implementation='native'")


def test_the_second_opinion_on_evasion_holds_missing_cells_too() -> None:
    pytest.importorskip("art")
    params = {
        "attack": "hop_skip_jump",
        "implementation": "art",
        "n_samples": 6,
        "max_iter": 2,
        "init_eval": 10,
        "max_eval": 20,
    }
    outcome = run(load(GAPS), "robustness.evasion", params, strict=True)
    assert outcome.finding is not None
    arrays, table = outcome.finding.arrays, outcome.finding.tables["samples"]
    found = (table["status"] == "found").to_numpy()
    gone = np.isnan(load(GAPS).X[arrays["index"]])[found]
    assert gone.any()
    assert np.array_equal(np.isnan(arrays["nearest"][found]), gone)


def test_an_engine_that_does_not_say_keeps_finite_samples() -> None:
    def plain(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
        """Sum what there is."""
        return Finding({"sum": float(X.sum())}, {"sum": (-np.inf, np.inf)}, {"sum": 1})

    entry = replace(find("privacy.shapr"), engine=plain, measures=(), controls=(), missing="refused")
    outcome = run(load(GAPS), entry)
    assert outcome.status == "not applicable"
    assert outcome.reason.startswith("X holds missing numbers (in debt, age)")
    assert "imputed first" in outcome.instead
