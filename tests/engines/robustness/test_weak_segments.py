"""Weak segments: a planted one is found and handed on, clean data have none, and rules hold what they say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.subjects import small_credit
from xrai_widgets.core import Array, Constraint, Names, Subject
from xrai_widgets.engines.robustness import weak_segments
from xrai_widgets.engines.robustness.weak_segments.measured import halves_of, measured_on, segments_of
from xrai_widgets.engines.robustness.weak_segments.rules import Condition, cut_between
from xrai_widgets.engines.robustness.weak_segments.tree import leaves_of

HOW: dict[str, Any] = {"depth": 3, "fewest": 20}


def one(X: Array) -> Array:
    return np.column_stack([np.zeros(len(X)), np.ones(len(X))])


def planted(n: int = 800, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return samples, labels that a model which always says 1 gets wrong, and where it mostly does."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(50, 10, n), rng.integers(0, 4, n), rng.normal(size=n)])
    weak = (X[:, 0] > 55) & (X[:, 1] == 2)
    y = (rng.random(n) >= np.where(weak, 0.7, 0.1)).astype(int)
    return X, y, weak


KINDS = (Constraint(), Constraint("category", ("a", "b", "c", "d")), Constraint())
NAMING = Names(feature_names=("age", "town", "noise"))


def test_a_planted_segment_is_found_in_both_halves_and_written_as_a_rule() -> None:
    X, y, weak = planted()
    finding = weak_segments(one, X, y, KINDS, naming=NAMING)
    table = finding.tables["segments"]
    named = table[table["weak"]]
    assert set(named["grown_on"]) == {"first half", "second half"}
    assert named["segment"].str.contains("age > 5").any()
    assert (named["segment"].str.contains("town is c")).any()
    held = (finding.tables["samples"]["weak_segment"] != "").to_numpy()
    assert weak[held].mean() > 0.9
    assert held[weak].mean() > 0.8
    low, high = finding.intervals["segment_excess"]
    assert low <= 0.6 <= high
    assert low > 0.2


def test_excess_and_p_value_are_those_of_the_half_that_did_not_choose() -> None:
    X, y, _ = planted()
    finding = weak_segments(one, X, y, KINDS, naming=NAMING)
    samples = finding.tables["samples"]
    error = (y != 1).astype(float)
    for row in finding.tables["segments"].itertuples():
        half = (samples["half"] == row.measured_on).to_numpy()
        inside = half & (samples["segment"] == row.segment).to_numpy()
        assert row.n == inside.sum()
        assert row.excess == pytest.approx(error[inside].mean() - error[half & ~inside].mean())
        assert row.low <= row.excess <= row.high


def clean_runs(seeds: range) -> tuple[float, float]:
    """Return in which share of clean data sets a segment is named: honestly, and on the rows that chose it."""
    honest = dishonest = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X, errors = rng.normal(size=(600, 8)), (rng.random(600) < 0.2).astype(float)
        segments = segments_of(X, errors, (), "classification", **HOW, seed=seed)
        honest += any(one.adjusted <= 0.05 for one in segments)
        half = halves_of(600, seed) == 0
        leaves = leaves_of(X[half], errors[half], (), **HOW, seed=seed)
        measured = [measured_on(rule, X[half], errors[half], "classification", 0.95) for rule in leaves]
        dishonest += min(p for _, p in filter(None, measured)) * len(leaves) <= 0.05
    return honest / len(seeds), dishonest / len(seeds)


def test_clean_data_have_no_weak_segment_and_the_same_rows_would_show_one() -> None:
    honest, dishonest = clean_runs(range(60))
    assert honest <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
    assert dishonest > 0.75


@pytest.mark.slow
def test_clean_data_hardly_ever_have_a_weak_segment() -> None:
    honest, dishonest = clean_runs(range(1000, 1600))
    assert honest <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)
    assert dishonest > 0.85


@pytest.mark.slow
def test_clean_regressions_hardly_ever_have_a_weak_segment() -> None:
    named = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        X, errors = rng.normal(size=(400, 6)), rng.exponential(size=400)
        segments = segments_of(X, errors, (), "regression", **HOW, seed=seed)
        named += any(one.adjusted <= 0.05 for one in segments)
    assert named / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_the_leaves_part_the_samples_on_which_they_are_grown_and_are_those_of_the_tree() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=500).round(1), rng.integers(0, 5, 500), rng.normal(size=500)])
    X[rng.random(500) < 0.2, 2] = np.nan
    errors = rng.random(500) + np.isnan(X[:, 2]) + (X[:, 1] == 3)
    kinds = (Constraint(), Constraint("category", tuple("abcde")), Constraint())
    leaves = leaves_of(X, errors, kinds, 4, 20, 0)
    masks = np.array([rule.holds(X) for rule in leaves])
    assert len(leaves) > 4
    assert (masks.sum(axis=0) == 1).all()
    assert (masks.sum(axis=1) >= 20).all()
    within = sum(errors[mask].var() * mask.sum() for mask in masks)
    assert within < 0.5 * errors.var() * 500, "what was planted explains most of the errors"
    texts = " / ".join(
        rule.text(["x", "town", "z"], [(), tuple("abcde"), ()], np.isnan(X).any(axis=0)) for rule in leaves
    )
    assert "z missing" in texts
    assert "town is d" in texts


def test_an_empty_cell_is_in_one_leaf_where_it_fares_as_small_numbers_do() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 1))
    X[rng.random(400) < 0.3, 0] = np.nan
    leaves = leaves_of(X, (X[:, 0] > 0).astype(float), (), 1, 20, 0)
    masks = np.array([rule.holds(X) for rule in leaves])
    assert (masks.sum(axis=0) == 1).all()
    texts = [rule.text(["z"], [()], np.array([True])) for rule in leaves]
    assert sum("or missing" in text for text in texts) == 1
    assert sum(text.startswith("z > ") for text in texts) == 1


@pytest.mark.parametrize(
    ("low", "high"), [(3.0, 5.0), (0.1234, 0.1239), (1e9, 1e9 + 1), (-2.0, -1.0), (1.0, 1.0000001)]
)
def test_a_cut_lies_between_the_two_values(low: float, high: float) -> None:
    assert low <= cut_between(low, high) < high


def test_a_cut_is_a_short_number() -> None:
    assert cut_between(54.8717, 55.1023) == 55.0
    assert Condition(0, low=55.0).text("age", (), gaps=False) == "age > 55"
    assert Condition(0, high=2.5).text("age", (), gaps=True) == "age ≤ 2.5 or missing"
    assert Condition(0, codes=frozenset({0, 1, 2})).text("town", tuple("abcd"), gaps=False) == "town is not d"


def test_weak_segments_are_handed_to_another_assessment() -> None:
    X, y, _ = planted()
    table = pd.DataFrame({"age": X[:, 0], "town": np.array(list("abcd"))[X[:, 1].astype(int)], "noise": X[:, 2]})
    subject = Subject.of(lambda frame: one(np.zeros((len(frame), 1))), table, y, name="always one")
    outcome = xw.assess(subject, "robustness.weak_segments", strict=True)
    grouped = subject.with_groups(outcome)
    assert grouped.groups is not None
    assert "elsewhere" in grouped.groups
    assert len({*grouped.groups}) >= 2
    again = xw.assess(grouped, "robustness.corruptions", columns=False, n_samples=300, strict=True)
    assert set(again.table("subgroups")["group"]) == {*grouped.groups}
    row = outcome.table("samples").iloc[0]
    assert grouped.groups[0] == (row["weak_segment"] or "elsewhere")


def test_what_cannot_be_subgroups_is_refused_with_the_way_out() -> None:
    subject = small_credit()
    outcome = xw.assess(subject, "robustness.weak_segments", alpha=0.0001, strict=True)
    with pytest.raises(ValueError, match="the outcome names none"):
        subject.with_groups(outcome)
    with pytest.raises(ValueError, match=r"run robustness\.weak_segments on this subject"):
        replace(subject, X=subject.X + 1.0).with_groups(outcome)
    with pytest.raises(ValueError, match=r"got robustness\.evasion \(not applicable\)"):
        subject.with_groups(replace(outcome, assessment="robustness.evasion", status="not applicable", finding=None))


def test_a_model_without_errors_has_no_segments_and_says_so() -> None:
    X, _, _ = planted()
    finding = weak_segments(one, X, np.ones(len(X), dtype=int))
    assert "segment_excess" not in finding.values
    assert any("does not show that there are no weak segments" in note for note in finding.notes)


def test_a_rule_of_ones_own_is_what_counts_as_an_error() -> None:
    X, y, _ = planted()
    model = LogisticRegression().fit(X, np.arange(len(X)) % 2)
    finding = weak_segments(model.predict_proba, X, y, KINDS, lambda X: np.ones(len(X), dtype=int))
    assert finding.values["mean_error"] == pytest.approx((y != 1).mean())
