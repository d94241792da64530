"""Columns are compared as the library of the model compares them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from xrai_widgets.core import Subject
from xrai_widgets.models.columns import matched
from xrai_widgets.models.onnx_session import OnnxModel

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + 0.2 * X[:, 3] > 0).astype(int)
NAMES = ["credit amount", "age", "b", "c"]
FRAME = pd.DataFrame(X, columns=NAMES)


def boosted(kind: str) -> Any:
    if kind == "lightgbm":
        return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=5, verbosity=-1)
    if kind == "xgboost":
        return pytest.importorskip("xgboost").XGBClassifier(n_estimators=5)
    return pytest.importorskip("catboost").CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
@pytest.mark.parametrize("names", [NAMES, [0, 1, 2, 3], ["a b", "a_b", "ä", "x"]], ids=["blanks", "numbers", "alike"])
def test_a_boosted_model_knows_its_own_columns(kind: str, names: list[Any]) -> None:
    frame = pd.DataFrame(X, columns=names)
    model = boosted(kind)
    if kind == "lightgbm" and names[0] == "a b":
        pytest.skip("LightGBM itself refuses names that become one")
    model.fit(frame, Y)
    subject = Subject.of(model, frame, Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(frame))
    assert subject.notes == ()
    other = Subject.of(model, frame[names[::-1]], Y)  # in another order: by name, not by place
    assert np.allclose(other.predict(other.X), model.predict_proba(frame))


def test_a_model_fitted_on_an_array_takes_columns_by_their_place_and_says_so() -> None:
    model = boosted("lightgbm").fit(X, Y)
    subject = Subject.of(model, FRAME, Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
    assert subject.notes == ("columns by their place: the model was fitted without names",)
    assert subject.describe().endswith(subject.notes[0])


@pytest.mark.parametrize("kind", ["xgboost", "catboost"])
def test_a_library_that_compares_names_refuses_others(kind: str) -> None:
    model = boosted(kind).fit(FRAME, Y)
    with pytest.raises(ValueError, match=r"X must have the column\(s\) .*those the model was fitted on"):
        Subject.of(model, FRAME.set_axis(["p", "q", "r", "s"], axis=1), Y)


def test_a_name_that_is_missing_among_known_ones_is_named() -> None:
    model = boosted("lightgbm").fit(FRAME, Y)
    with pytest.raises(ValueError, match=r"must have the column\(s\) 'age'"):
        Subject.of(model, FRAME.rename(columns={"age": "years"}), Y)


def test_an_exported_model_takes_its_columns_under_other_names() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    model = LogisticRegression().fit(X, Y)
    pipeline = make_pipeline(make_column_transformer(("passthrough", NAMES)), model).fit(FRAME, Y)
    types = [(name, skl2onnx.common.data_types.FloatTensorType([None, 1])) for name in NAMES]
    proto = skl2onnx.to_onnx(pipeline, initial_types=types)
    file = OnnxModel(proto.SerializeToString())
    subject = Subject.of(file, FRAME[NAMES[::-1]], Y)
    assert np.allclose(subject.predict(subject.X), pipeline.predict_proba(FRAME), atol=1e-5)
    by_place = Subject.of(file, FRAME.set_axis(["p", "q", "r", "s"], axis=1), Y)
    assert np.allclose(by_place.predict(by_place.X), pipeline.predict_proba(FRAME), atol=1e-5)
    assert by_place.notes[0].startswith("columns by their place: the model calls them")


@pytest.mark.parametrize(
    ("columns", "known", "order"),
    [
        (["a", "b"], ["b", "a"], ["b", "a"]),
        ([1, 0], ["0", "1"], [0, 1]),
        (["a b", "c\td"], ["c_d", "a_b"], ["c\td", "a b"]),
        (["a-b", "c.d"], ["a_b", "c_d"], ["a-b", "c.d"]),
        ([("x", "y"), ("x", "z")], ["x z", "x y"], [("x", "z"), ("x", "y")]),
        (["a b", "a_b"], ["a_b", "a_b"], None),
        (["a", "b"], ["a", "c"], None),
    ],
    ids=str,
)
def test_names_agree_as_they_are_as_text_and_as_libraries_rewrite_them(
    columns: list[Any], known: list[Any], order: list[Any] | None
) -> None:
    found = matched(columns, known, by_place=False)
    assert (found[0] if found else None) == order
