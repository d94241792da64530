"""A table split first and preprocessed by its training part: held against scikit-learn's own steps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import xrai_widgets as xw

RNG = np.random.default_rng(0)
N = 200
TABLE = pd.DataFrame(
    {
        "row": [f"r{i}" for i in range(N)],
        "person": RNG.integers(0, 40, N),
        "age": RNG.integers(20, 70, N),
        "income": RNG.normal(size=N) * 100,
        "job": RNG.choice(["cook", "smith", "clerk"], N),
        "same": 1,
        "risk": RNG.choice(["good", "bad"], N, p=[0.7, 0.3]),
    },
    index=range(1000, 1000 + N),
)


def test_the_split_is_scikit_learns_and_the_preprocessing_knows_the_training_part_alone() -> None:
    before = TABLE.copy()
    made = xw.prepare(TABLE, "risk", test=0.25, seed=3)
    train, test = train_test_split(TABLE, test_size=0.25, random_state=3, stratify=TABLE["risk"])
    assert made.X_train.index.tolist() == train.index.tolist()
    assert made.X_test.index.tolist() == test.index.tolist()
    pd.testing.assert_series_equal(made.y_test, test["risk"])
    assert list(made.X_train.columns) == ["person", "age", "income", "job"]
    scale = made.preprocessing.named_transformers_["standardscaler"]
    assert np.allclose(scale.mean_, train[["person", "age", "income"]].mean())
    assert not np.allclose(scale.mean_, TABLE[["person", "age", "income"]].mean())
    pd.testing.assert_frame_equal(TABLE, before)


def test_columns_that_cannot_be_features_are_left_out_and_named() -> None:
    made = xw.prepare(TABLE.assign(when=pd.Timestamp("2020-01-01"), day=pd.date_range("2020-01-01", periods=N)), "risk")
    assert "left out: row (another one in every row: it names the rows)" in made.notes
    assert "left out: same, when (always the same)" in made.notes
    assert "left out: day (a time, no number or word)" in made.notes


def test_the_code_does_the_same() -> None:
    gaps = TABLE.assign(income=TABLE["income"].mask(TABLE["income"] > 100))
    for table, words in ((TABLE, {}), (gaps, {"test": 0.4, "seed": 7}), (TABLE, {"groups": "person"})):
        made = xw.prepare(table, "risk", **words)  # type: ignore[arg-type]  # each by its own name
        names: dict[str, Any] = {"table": table}
        exec(made.code, names)
        pd.testing.assert_frame_equal(names["X_train"], made.X_train)
        pd.testing.assert_series_equal(names["y_test"], made.y_test)
        again, ours = (p.transform(made.X_test) for p in (names["preprocessing"], made.preprocessing))
        assert np.allclose(np.asarray(again), np.asarray(ours))
        assert made.code in repr(made)


def test_a_group_is_on_one_side_only_and_is_no_feature() -> None:
    made = xw.prepare(TABLE, "risk", groups="person")
    people = TABLE["person"]
    assert not set(people[made.X_train.index]) & set(people[made.X_test.index])
    assert len(made.X_train) + len(made.X_test) == N
    assert "person" not in made.X_train


def test_rows_on_both_sides_are_counted_and_named() -> None:
    features = TABLE[["age", "income", "job"]]
    double = pd.concat([features, features[:10]], ignore_index=True)
    table = double.assign(risk=np.r_[TABLE["risk"], TABLE["risk"][:10]])
    made = xw.prepare(table, "risk")
    both = made.X_test.merge(made.X_train, how="inner")
    assert len(both)
    told = next(note for note in made.notes if "features of a training row" in note)
    assert told.startswith(f"{len(both)} of {len(made.X_test)} test rows have the features of a training row (rows ")
    assert not any("training row" in note for note in xw.prepare(TABLE, "risk").notes)


@pytest.mark.parametrize(
    "leak",
    [
        (TABLE["risk"] == "bad").astype(int),
        TABLE["risk"].map({"bad": "yes", "good": "no"}),
        np.where(TABLE["risk"] == "bad", RNG.uniform(5, 9, N), RNG.uniform(0, 4, N)),
        (TABLE["risk"] == "bad").astype(float).replace(0.0, np.nan),
    ],
    ids=["the target itself", "in other words", "an amount", "filled where it is known"],
)
def test_a_column_that_tells_the_target_is_named(leak: Any) -> None:
    table = TABLE.assign(leak=leak)
    notes = xw.prepare(table.assign(leak=table["leak"].where(table["leak"].notna(), None)), "risk").notes
    assert [note for note in notes if note.startswith("leak alone predicts the target (balanced accuracy 1.000)")]
    assert not any("alone tells" in note for note in xw.prepare(TABLE, "risk").notes)


def test_a_regression_is_told_by_its_amounts_and_its_leaks_too() -> None:
    y = RNG.normal(size=N)
    made = xw.prepare(TABLE.assign(risk=y, cents=np.round(y * 100)), "risk")
    assert any(note.startswith("cents alone predicts the target (R²") for note in made.notes)
    train, _ = train_test_split(TABLE, test_size=0.3, random_state=0)
    assert made.X_train.index.tolist() == train.index.tolist()


def test_a_subject_comes_of_it() -> None:
    made = xw.prepare(TABLE, "risk")
    subject = made.subject(LogisticRegression())
    model = made.pipeline(LogisticRegression())
    assert subject.name == "LogisticRegression"
    assert np.allclose(subject.predict(subject.X), model.predict_proba(made.X_test))
    assert subject.X_train is not None
    assert xw.assess(subject, "privacy.membership_inference", strict=True).status == "ok"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"target": "rsk"}, "target must be a column of the table, got 'rsk'.*risk"),
        ({"target": "same"}, "the target 'same' must hold at least two different values"),
        ({"groups": "persn"}, "groups must be a column of the table, got 'persn'"),
        ({"groups": "risk"}, "target and groups must be two columns"),
        ({"groups": "same"}, "the groups 'same' must be at least two"),
        ({"test": 1.5}, "test must be the share of rows held out, between 0 and 1, got 1.5"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"table": TABLE.assign(risk=TABLE["risk"].mask(TABLE["age"] > 60))}, "'risk' must be filled in every row"),
        ({"table": TABLE[["row", "same", "risk"]]}, "at least one feature beside the target; left out: left out: row"),
        ({"table": TABLE.to_numpy()}, "table must be a DataFrame, got ndarray"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(words: dict[str, Any], message: str) -> None:
    given = {"table": TABLE, "target": "risk"} | words
    with pytest.raises((ValueError, TypeError), match=message):
        xw.prepare(**given)
