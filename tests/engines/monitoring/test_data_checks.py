"""What is wrong with a batch as data: found where it was planted, and not where chance explains it."""

import numpy as np
import pytest

from xrai_widgets.core import Array, Constraint, Names
from xrai_widgets.engines.monitoring import data_checks
from xrai_widgets.engines.monitoring.data_checks import marks_of, repeated


def tables(n: int = 200, m: int = 80, seed: int = 0) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), rng.normal(size=(m, 4)), rng.normal(size=(n, 4))


def test_rows_of_the_training_and_of_the_batch_itself_are_found() -> None:
    X, Z, T = tables()
    Z[:8], Z[70:76] = T[10:18], Z[20:26]
    finding = data_checks(X, Z, T)
    assert finding.values["leak_excess"] == pytest.approx(0.1)
    assert finding.values["duplicate_excess"] == pytest.approx(6 / 80)
    assert finding.values["rows"] == 80
    samples = finding.tables["samples"]
    assert samples.loc[samples["leaked"], "id"].tolist() == list(range(8))
    assert samples.loc[samples["duplicate"], "id"].tolist() == list(range(70, 76))
    clean = data_checks(*tables())
    for key in ("leak_excess", "duplicate_excess", "broken_columns"):
        assert clean.values[key] == 0.0


def test_equal_rows_of_few_categories_are_no_fault() -> None:
    rng = np.random.default_rng(1)
    X, Z, T = (rng.integers(0, 3, (n, 2)).astype(float) for n in (400, 100, 400))
    kinds = (Constraint("category", ("a", "b", "c")),) * 2
    finding = data_checks(X, Z, T, kinds)
    assert finding.tables["samples"]["leaked"].all()
    assert finding.values["leak_excess"] == 0.0
    low, high = finding.intervals["duplicate_excess"]
    assert low <= 0 <= high


def test_missing_numbers_and_signed_zeros_are_equal() -> None:
    rows = np.array([[np.nan, 0.0], [np.nan, -0.0], [1.0, np.nan], [np.nan, 1.0]])
    assert repeated(marks_of(rows)).tolist() == [False, True, False, False]


def test_broken_columns_are_named_and_chance_is_no_fault() -> None:
    X, Z, T = tables()
    X[:, 3] = (np.arange(200) < 4).astype(float)  # 2 in 100: a batch of zeros alone is chance
    Z[:, 3] = 0.0
    Z[:, 0], Z[:, 1] = np.nan, 7.0
    finding = data_checks(X, Z, T, (), Names(feature_names=("a", "b", "c", "d")))
    assert finding.values["broken_columns"] == 0.5
    assert dict(finding.tables["columns"][["column", "problem"]].to_numpy().tolist()) == {
        "a": "empty",
        "b": "one value alone",
        "c": "",
        "d": "",
    }
    assert "a: empty." in finding.notes
    one_row = data_checks(X, Z[:1], T)
    assert one_row.values["broken_columns"] == 0.25  # one row holds one value; an empty cell is new
    X[:, 0] = np.nan
    assert data_checks(X, Z, T).values["broken_columns"] == 0.25


def test_columns_say_what_is_outside_and_new() -> None:
    X, Z, _ = tables()
    Z[:, 0] = np.clip(Z[:, 0], X[:, 0].min(), X[:, 0].max())
    Z[:5, 0] = 99.0
    kinds = (Constraint(), Constraint(), Constraint(), Constraint("category", ("a", "b")))
    X[:, 3], Z[:, 3] = np.arange(200) % 2, np.arange(80) % 2
    Z[:3, 3] = 2.0
    table = data_checks(X, Z, None, kinds).tables["columns"].set_index("column")
    assert table.loc["x0", "outside"] == 5
    assert table.loc["x3", "new_words"] == 3


def test_ids_that_were_there_before_are_found_and_row_numbers_are_not_compared() -> None:
    X, Z, T = tables()
    names = Names(
        ids=np.array([f"p{row}" for row in range(200)]),
        train_ids=np.array([f"t{row}" for row in range(200)]),
        new_ids=np.array(["p3", "t9", *(f"n{row}" for row in range(78))]),
    )
    finding = data_checks(X, Z, T, (), names)
    assert finding.values["seen_share"] == pytest.approx(2 / 80)
    samples = finding.tables["samples"]
    assert samples.loc[samples["seen"], "id"].tolist() == ["p3", "t9"]
    plain = data_checks(X, Z)
    assert "seen_share" not in plain.values
    assert any("Ids are not compared" in note for note in plain.notes)
    assert any("pass X_train=" in note for note in plain.notes)


def test_row_numbers_of_one_side_are_no_names_and_numbers_may_be_text() -> None:
    X, Z, _ = tables()
    people = np.arange(100, 180)
    assert "seen_share" not in data_checks(X, Z, naming=Names(ids=np.arange(200), new_ids=people)).values
    assert "seen_share" not in data_checks(X, Z, naming=Names(ids=np.arange(300, 500), new_ids=np.arange(80))).values
    words = np.array([str(number) for number in people], dtype=object)
    for new in (people, people.astype(float), words):
        finding = data_checks(X, Z, naming=Names(ids=np.arange(150, 350), new_ids=new))
        assert finding.values["seen_share"] == pytest.approx(30 / 80)
