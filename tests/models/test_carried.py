"""Columns of which nobody knows what else they could be: they reach the model as they are, and stay so."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from xrai_widgets.core import Subject, find
from xrai_widgets.runtime import assess, run

N, RNG = 240, np.random.default_rng(0)
TABLE = pd.DataFrame({"age": RNG.integers(18, 80, N), "debt": RNG.normal(size=N)})
Y = (TABLE["debt"] + TABLE["age"] / 40 - 1.2 + 0.3 * RNG.normal(size=N) > 0).astype(int)
DAYS = pd.to_timedelta(RNG.integers(0, 2000, N), "D")


def of_each(read: Callable[[Any], float]) -> FunctionTransformer:
    return FunctionTransformer(lambda table: np.array([[read(cell)] for cell in table.iloc[:, 0]]))


CELLS: dict[str, tuple[Any, Any]] = {
    "datetime64": (pd.Series(pd.Timestamp("2020-01-01") + DAYS), of_each(lambda cell: cell.year - 2020)),
    "datetime64, UTC": (pd.Series(pd.Timestamp("2020-01-01", tz="UTC") + DAYS), of_each(lambda cell: cell.month)),
    "timedelta64": (pd.Series(DAYS), of_each(lambda cell: cell.days / 1000)),
    "period": (pd.Series(pd.period_range("2000-01", periods=N, freq="M")), of_each(lambda cell: cell.month)),
    "Timestamp in objects": (pd.Series(pd.Timestamp("2020-01-01") + DAYS).astype(object), of_each(lambda c: c.month)),
    "Decimal": (pd.Series([Decimal(f"{x:.2f}") for x in RNG.normal(size=N)]), of_each(float)),
    "Interval": (pd.Series(pd.cut(RNG.normal(size=N), 5)).astype(object), of_each(lambda cell: cell.mid)),
}


def made(cells: pd.Series, read: Any) -> tuple[Subject, Pipeline, pd.DataFrame]:
    table = TABLE.assign(extra=cells)
    model = make_pipeline(make_column_transformer((read, ["extra"]), remainder=StandardScaler()), LogisticRegression())
    model.fit(table[:160], Y[:160])
    return Subject.of(model, table[160:], Y[160:], X_train=table[:160], y_train=Y[:160]), model, table


@pytest.mark.parametrize("kind", CELLS)
def test_cells_reach_the_model_as_they_are_and_nothing_changes_them(kind: str) -> None:
    subject, model, table = made(*CELLS[kind])
    assert subject.constraints[2].immutable
    assert any(note.startswith("held as they are: extra (") for note in subject.notes)
    assert subject.decode is not None
    pd.testing.assert_frame_equal(subject.decode(subject.X), table[160:].reset_index(drop=True))
    np.testing.assert_allclose(subject.predict(subject.X), model.predict_proba(table[160:]), atol=1e-12)
    # one of them with the controls, whose models get the held cells, too
    attack = find("robustness.evasion") if kind == "Interval" else replace(find("robustness.evasion"), controls=())
    outcome = run(subject, attack, {"n_samples": 6, "max_iter": 3})
    assert outcome.finding is not None, outcome.reason
    assert outcome.finding.values["found_share"] == 1.0
    changed = outcome.finding.tables["rows"]
    assert set(changed["feature"]) <= {"age", "debt"}


def test_the_distance_is_the_nearest_over_all_ages_with_the_held_cell_as_it_is() -> None:
    subject, model, _ = made(*CELLS["Decimal"])
    outcome = assess(subject, "robustness.evasion", n_samples=10, norm="l2", max_iter=20)
    assert outcome.finding is not None
    assert subject.decode is not None
    assert subject.bounds is not None
    found = outcome.finding.tables["samples"].dropna(subset=["distance"]).set_index("id")["distance"]
    (low, high), ages = np.array(subject.bounds), np.arange(18, 80)
    width = high - low
    for name, distance in found.items():
        row = subject.X[subject.ids.tolist().index(name)]
        moved = np.repeat(row[None], len(ages), axis=0)
        moved[:, 0] = ages
        margin = model.decision_function(subject.decode(moved))
        slope = model[-1].coef_[0, 2] / model[0].named_transformers_["remainder"].scale_[1]
        aside = np.where(np.sign(margin) == np.sign(margin[ages == row[0]]), margin / slope, 0.0)
        true = np.hypot((ages - row[0]) / width[0], aside / width[1]).min()
        assert 1 - 1e-6 <= distance / true < 1.05


def test_free_text_beside_numbers_is_held_and_text_alone_is_refused() -> None:
    remarks = pd.Series([" ".join(RNG.choice(list("abcdefgh"), 6)) for _ in range(N)], name="remark")
    table = TABLE.assign(remark=remarks)
    read = make_column_transformer((TfidfVectorizer(token_pattern=r"\w"), "remark"), remainder=StandardScaler())
    model = make_pipeline(read, LogisticRegression()).fit(table[:160], Y[:160])
    subject = Subject.of(model, table[160:], Y[160:])
    assert [constraint.immutable for constraint in subject.constraints] == [False, False, True]
    assert "held as they are: remark (free text)" in subject.notes
    np.testing.assert_allclose(subject.predict(subject.X), model.predict_proba(table[160:]), atol=1e-12)
    alone = make_column_transformer((TfidfVectorizer(token_pattern=r"\w"), "remark"))
    with pytest.raises(ValueError, match="text models are not supported: the model holds a TfidfVectorizer"):
        Subject.of(make_pipeline(alone, LogisticRegression()).fit(table, Y), table, Y)
