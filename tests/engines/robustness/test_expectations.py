"""Expectations: planted violations are found where they are, and a model that does what is expected is clean."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import xrai_widgets as xw
from tests.subjects import small_credit
from xrai_widgets.core import Array, Constraint, Names, Subject
from xrai_widgets.engines.robustness import expectations

RNG = np.random.default_rng(0)
N = 500
X = np.column_stack([RNG.normal(size=N), RNG.normal(size=N), RNG.integers(0, 4, N)])
Y = (X[:, 0] + 0.3 * RNG.normal(size=N) > 0).astype(int)
BOUNDS = np.array([X.min(axis=0), X.max(axis=0)])
KINDS = (Constraint(), Constraint(), Constraint("category", ("Ada", "Ben", "Cid", "Dot")))
NAMING = Names(feature_names=("income", "debt", "name"), classes=("refuse", "grant"))
SURE: dict[str, Any] = {"invariant": "name", "rising": "income", "falling": "debt"}


def both(p: Array) -> Array:
    return np.column_stack([1 - p, p])


def fair(X: Array) -> Array:
    return both(1 / (1 + np.exp(-np.clip(X[:, 0] - X[:, 1], -700, 700))))


def shares(model: Any, **asked: Any) -> tuple[Any, dict[str, float]]:
    finding = expectations(model, X, Y, BOUNDS, KINDS, naming=NAMING, **asked)
    table = finding.tables["expectations"]
    return finding, dict(zip(table["expectation"], table["share"], strict=True))


def test_a_monotone_model_that_reads_no_name_is_clean() -> None:
    finding, share = shares(fair, **SURE)
    assert set(share.values()) == {0.0}
    assert {"name must not matter", "more income must not fall", "more debt must not rise"} <= set(share)
    assert finding.values["violations"] == 0
    assert finding.intervals["violations"][1] < 0.05
    assert finding.tables["rows"].empty


def test_a_name_that_matters_is_found_and_nothing_else() -> None:
    def unfair(X: Array) -> Array:
        return both(0.2 + 0.6 * (X[:, 2] == 1))

    finding, share = shares(unfair, **SURE)
    # three draws from four names: a sample stays unchanged where none of them crosses
    ben = float((X[:, 2] == 1).mean())
    expected = ben * (1 - 0.25**3) + (1 - ben) * (1 - 0.75**3)
    assert share.pop("name must not matter") == pytest.approx(expected, abs=0.1)
    assert set(share.values()) == {0.0}
    low, high = finding.intervals["violations"]
    assert low <= expected <= high
    worst = finding.tables["rows"].iloc[0]
    assert worst["feature"] == "name"
    assert "Ben" in (worst["from"], worst["to"])
    assert abs(worst["score_after"] - worst["score_before"]) == pytest.approx(0.6)


def test_a_dent_in_a_rising_score_is_found_in_exactly_the_samples_that_fall_into_it() -> None:
    def dented(X: Array) -> Array:
        return both(np.where(X[:, 0] >= BOUNDS[1, 0], 0.0, fair(X)[:, 1]))

    _, share = shares(dented, n_samples=N, rising="income", falling="debt")
    score = fair(X)[:, 1]
    # the whole range up: every sample ends at the end of the column, where the dent is
    assert share["more income must not fall"] == pytest.approx(float((score[X[:, 0] < BOUNDS[1, 0]] > 0.01).sum() / N))
    assert share["more debt must not rise"] == 0


def test_the_score_is_that_of_the_class_that_is_named() -> None:
    _, share = shares(fair, rising="income", target="refuse")
    assert share["more income must not fall"] > 0.5
    with pytest.raises(ValueError, match="target must be one of the classes refuse, grant, got 'maybe'"):
        shares(fair, target="maybe")


def test_a_move_within_the_tolerance_is_none() -> None:
    def wobbles(X: Array) -> Array:
        return both(0.3 + 0.02 * X[:, 2] / 3)

    assert shares(wobbles, invariant="name", tolerance=0.03)[1]["name must not matter"] == 0
    assert shares(wobbles, invariant="name", tolerance=0.005)[1]["name must not matter"] > 0.5


def test_a_model_that_raises_beyond_its_range_violates_there_alone() -> None:
    def careful(X: Array) -> Array:
        if (X[:, 1] > BOUNDS[1, 1] + 1e-9).any():
            raise ValueError("out of range")
        return fair(X)

    _, share = shares(careful)
    assert share["beyond the ends of a column"] == 1.0
    assert share["at the ends of a column"] == share["all zero"] == share["the rarest word of a column"] == 0


def test_a_model_without_an_output_for_zeros_violates_for_certain() -> None:
    def divides(X: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            p = X[:, 0] / X[:, 0]
        return both(p)

    finding, share = shares(divides)
    assert share["all zero"] == 1.0
    assert finding.values["violations"] == 1.0
    assert "NaN" in finding.tables["rows"].iloc[0]["why"]


def test_named_samples_must_be_right_and_one_that_is_wrong_cannot_be_hidden() -> None:
    wrong = int(np.flatnonzero(fair(X).argmax(axis=1) != Y)[0])
    right = np.flatnonzero(fair(X).argmax(axis=1) == Y)[:3].tolist()
    finding, share = shares(fair, required_samples=",".join(map(str, [wrong, *right])), n_samples=100)
    assert share["must be predicted rightly"] == 0.25
    assert finding.values["violations"] == 0.25
    assert finding.intervals["violations"][0] == 0.25
    assert shares(fair, required_samples=",".join(map(str, right)))[0].values["violations"] == 0
    with pytest.raises(ValueError, match="required_samples must be ids of the samples"):
        shares(fair, required_samples="nobody")


def test_an_empty_cell_is_tried_where_columns_have_some() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    table.loc[:50, "a"] = np.nan
    table["word"] = pd.Series(np.where(rng.random(300) < 0.9, "x", None), dtype=object)
    y = (table["b"] > 0).astype(int).to_numpy()
    seen: list[pd.DataFrame] = []
    model = HistGradientBoostingClassifier(max_iter=5).fit(table[["a", "b"]], y)

    def predict(frame: pd.DataFrame) -> Array:
        seen.append(frame)
        return model.predict_proba(frame[["a", "b"]])

    subject = Subject.of(predict, table, y)
    seen.clear()
    outcome = xw.assess(subject, "robustness.expectations", strict=True)
    share = outcome.table("expectations").set_index("expectation")["share"]
    assert share["an empty cell"] == 0
    assert any(frame["a"].isna().all() for frame in seen)
    assert any(frame["word"].isna().all() for frame in seen)
    assert not any(frame["b"].isna().any() for frame in seen), "column b is never empty"


def test_boosting_with_monotone_constraints_keeps_its_direction_and_without_it_does_not() -> None:
    rng = np.random.default_rng(2)
    data = rng.normal(size=(400, 2))
    y = data[:, 0] + np.sin(8 * data[:, 0]) + 0.3 * rng.normal(size=400)
    share = {}
    for name, words in (("free", {}), ("monotone", {"monotonic_cst": [1, 0]})):
        model = HistGradientBoostingRegressor(max_iter=50, **words).fit(data, y)  # type: ignore[arg-type]  # either
        subject = Subject.of(model, pd.DataFrame(data, columns=["x", "z"]).to_numpy(), y, task="regression")
        outcome = xw.assess(subject, "robustness.expectations", rising="x0", strict=True)
        table = outcome.table("expectations").set_index("expectation")["share"]
        share[name] = table["more x0 must not fall"]
        assert (outcome.verdict().status == "pass") == (name == "monotone")
    assert share["monotone"] == 0
    assert share["free"] > 0.3


def test_a_column_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"invariant must be names of columns, such as checking_status, .*got 'nam'"):
        xw.assess(small_credit(), "robustness.expectations", invariant="nam", strict=True)


def test_edges_alone_say_that_nothing_else_was_tried() -> None:
    finding, _ = shares(fair)
    assert any("Only edges were tried" in note for note in finding.notes)
    assert not shares(fair, **SURE)[0].notes


def test_what_is_stated_of_the_columns_is_tried_as_if_it_were_named_here() -> None:
    def crooked(X: Array) -> Array:
        return both(1 / (1 + np.exp(-np.clip(X[:, 1] - X[:, 0] + X[:, 2], -700, 700))))

    named, by_name = shares(crooked, **SURE)
    stated, by_column = shares(crooked, expected=("rising", "falling", "invariant"))
    assert by_column == by_name
    assert min(by_name[word] for word in ("name must not matter", "more income must not fall")) > 0.3
    assert stated.values == named.values
    assert named.notes == stated.notes == ()
    assert shares(crooked, expected=("rising", "", ""), **SURE)[1] == by_name
    assert (
        shares(crooked, expected=("", "falling", ""))[1].keys() - {"more debt must not rise"}
        == shares(crooked)[1].keys()
    )


def test_a_stated_expectation_spoils_no_other_result(credit: Subject) -> None:
    from xrai_widgets.core.assessment import registered
    from xrai_widgets.core.belonging import inputs_of

    asked = {"age": {"expected": "invariant"}, "credit_amount": {"expected": "falling"}}
    made = xw.constrained(credit, asked)
    names = ("age", "credit_amount")
    assert {name: made.expected[made.feature_names.index(name)] for name in names} == {
        "age": "invariant",
        "credit_amount": "falling",
    }
    assert (made.constraints, sum(map(bool, made.expected))) == (credit.constraints, 2)
    assert made.fingerprint != credit.fingerprint
    changed = {name for name, one in registered().items() if inputs_of(made, one) != inputs_of(credit, one)}
    assert changed == {"robustness.expectations"}
    assert xw.constrained(made, {"age": {"expected": "invariant"}}) is made
    back = xw.constrained(made, {name: {"expected": ""} for name in names})
    assert (back.expected, back.fingerprint) == ((), credit.fingerprint)
    with pytest.raises(ValueError, match=r"expected of 'age' must be rising \(more must not lower .*got 'up'"):
        xw.constrained(credit, {"age": {"expected": "up"}})


def test_expectations_may_be_stated_when_the_subject_is_made() -> None:
    frame = pd.DataFrame(X[:, :2], columns=["income", "debt"])
    tables = {"income": {"expected": "rising", "immutable": True}, "debt": {"monotone": 1}}
    made = Subject.of(lambda table: fair(np.asarray(table)), frame, Y, constraints=tables)
    assert made.expected == ("rising", "")
    assert made.constraints == (Constraint(immutable=True), Constraint(monotone=1))
    outcome = xw.assess(made, "robustness.expectations", n_samples=50, strict=True)
    assert "more income must not fall" in set(outcome.finding.tables["expectations"]["expectation"])
    defended = xw.defended(made, "rounding", decimals=2)
    assert defended.expected == made.expected
