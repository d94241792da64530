"""Boosters in the files of their own libraries, against the answers of the libraries themselves."""

from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Subject
from xrai_widgets.io.model_files import read_model
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.summaries import look_at_model
from xrai_widgets.results.as_code import expression
from xrai_widgets.runtime import trial

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
catboost = pytest.importorskip("catboost")

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(200, 3)).round(3), columns=["a", "b", "c"])
JOBS = np.array(["cook", "smith", "tailor"])[RNG.integers(0, 3, 200)]
TWO = (FRAME.a + (JOBS == "cook") > 0.3).astype(int).to_numpy()
WORDS = np.where(TWO == 1, "yes", "no")
THREE = np.arange(200) % 3
TARGETS: dict[str, Any] = {"two": TWO, "three": THREE, "value": FRAME.a.to_numpy() * 3}


def table(folder: Path, target: Any, **more: Any) -> Path:
    FRAME.assign(**more, y=target).to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def subject(model: Path, folder: Path, target: Any, more: dict[str, Any] | None = None, **roles: Any) -> Subject:
    return OwnFiles(model, table(folder, target, **(more or {})), "y", **roles).subject()


@pytest.mark.parametrize("ending", ["ubj", "json"])
@pytest.mark.parametrize(
    ("objective", "target"),
    [
        ("binary:logistic", "two"),
        ("multi:softprob", "three"),
        ("multi:softmax", "three"),
        ("reg:squarederror", "value"),
    ],
)
def test_a_booster_of_xgboost_answers_as_it_does(objective: str, target: str, ending: str, tmp_path: Path) -> None:
    settings = {"objective": objective, "verbosity": 0} | ({"num_class": 3} if "multi" in objective else {})
    booster = xgboost.train(settings, xgboost.DMatrix(FRAME, TARGETS[target]), 5)
    booster.save_model(tmp_path / f"m.{ending}")
    made = subject(tmp_path / f"m.{ending}", tmp_path, TARGETS[target])
    if objective == "multi:softmax":
        booster.set_param({"objective": "multi:softprob"})
    expected = booster.predict(xgboost.DMatrix(FRAME)).astype(float)
    expected = np.column_stack([1 - expected, expected]) if target == "two" else expected
    assert np.allclose(made.predict(made.X), expected, rtol=0, atol=1e-7)
    assert made.task == ("regression" if target == "value" else "classification")
    assert made.fit is None
    assert made.state is not None


def test_the_best_iteration_is_asked_as_the_estimator_asks_it(tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3, learning_rate=1.0)
    model.fit(FRAME[:100], TWO[:100], eval_set=[(FRAME[100:], TWO[100:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds(), "the test would say nothing"
    model.save_model(tmp_path / "m.ubj")
    made = subject(tmp_path / "m.ubj", tmp_path, TWO)
    assert np.allclose(made.predict(made.X), model.predict_proba(FRAME), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("objective", "target"), [("binary", "two"), ("multiclass", "three"), ("regression", "value")])
@pytest.mark.parametrize("named", [True, False])
def test_a_booster_of_lightgbm_answers_as_it_does(objective: str, target: str, named: bool, tmp_path: Path) -> None:
    settings = {"objective": objective, "verbose": -1} | ({"num_class": 3} if objective == "multiclass" else {})
    samples = FRAME if named else FRAME.to_numpy()
    booster = lightgbm.train(settings, lightgbm.Dataset(samples, TARGETS[target]), 5)
    booster.save_model(tmp_path / "m.txt")
    made = subject(tmp_path / "m.txt", tmp_path, TARGETS[target])
    expected = booster.predict(samples)
    expected = np.column_stack([1 - expected, expected]) if target == "two" else expected
    assert np.array_equal(made.predict(made.X), expected)


def test_categories_of_lightgbm_are_its_own(tmp_path: Path) -> None:
    job = pd.Categorical(JOBS, categories=["tailor", "cook", "smith"])  # not in the order of the alphabet
    samples = FRAME.assign(job=job)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(samples, TWO), 5)
    booster.save_model(tmp_path / "m.txt")
    made = subject(tmp_path / "m.txt", tmp_path, TWO, {"job": JOBS})
    assert np.array_equal(made.predict(made.X)[:, 1], booster.predict(samples))
    with pytest.raises(ValueError, match="trained with 1 columns of categories, got 0 of text"):
        subject(tmp_path / "m.txt", tmp_path, TWO, {"job": THREE})


@pytest.mark.parametrize("target", ["two", "three", "value", "words"])
def test_a_booster_of_catboost_answers_as_it_does(target: str, tmp_path: Path) -> None:
    y = WORDS if target == "words" else TARGETS[target]
    kind = catboost.CatBoostRegressor if target == "value" else catboost.CatBoostClassifier
    samples = FRAME.assign(job=JOBS)
    model = kind(iterations=5, verbose=0, allow_writing_files=False, cat_features=["job"]).fit(samples, y)
    model.save_model(tmp_path / "m.cbm")
    made = subject(tmp_path / "m.cbm", tmp_path, y, {"job": JOBS})
    expected = model.predict(samples) if target == "value" else model.predict_proba(samples)
    assert np.array_equal(made.predict(made.X), expected)
    assert target != "words" or made.classes == ("no", "yes")


@pytest.mark.parametrize("target", ["two", "words"])
def test_the_threshold_in_a_file_of_catboost_is_the_models_own_answer(target: str, tmp_path: Path) -> None:
    y = WORDS if target == "words" else TWO
    model = catboost.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False).fit(FRAME, y)
    model.set_probability_threshold(0.7)
    model.save_model(tmp_path / "m.cbm")
    made = subject(tmp_path / "m.cbm", tmp_path, y)
    assert made.decide is not None
    assert np.array_equal(np.asarray(made.classes)[made.decide(made.X)], model.predict(FRAME))
    assert (made.decide(made.X) != made.predict(made.X).argmax(axis=1)).any()
    again = cloudpickle.loads(cloudpickle.dumps(made))
    assert np.array_equal(again.decide(made.X), made.decide(made.X))


def test_labels_are_those_of_the_tables_or_those_that_are_said(tmp_path: Path) -> None:
    xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(FRAME, TWO), 5).save_model(tmp_path / "m.ubj")
    with pytest.raises(ValueError, match=r"pass classes=.*the labels in the order of those columns"):
        subject(tmp_path / "m.ubj", tmp_path, WORDS)
    assert subject(tmp_path / "m.ubj", tmp_path, WORDS, classes=("no", "yes")).classes == ("no", "yes")
    turned = subject(tmp_path / "m.ubj", tmp_path, WORDS, classes=("yes", "no"))
    assert turned.classes == ("yes", "no")
    assert float((turned.predict(turned.X).argmax(1) == turned.y).mean()) < 0.5
    assert "classes=['yes', 'no']" in expression(turned.origin)
    numbers = subject(tmp_path / "m.ubj", tmp_path, TWO, classes=("0", "1"))
    assert numbers.classes == (0, 1)
    with pytest.raises(ValueError, match="classes must name every label of 'y', got none for 'no'"):
        subject(tmp_path / "m.ubj", tmp_path, WORDS, classes=("yes", "nein"))
    with pytest.raises(ValueError, match="classes must be numbers, as the labels of the target are, got 'no'"):
        subject(tmp_path / "m.ubj", tmp_path, TWO, classes=("0", "1", "no"))


def test_columns_that_do_not_fit_are_named(tmp_path: Path) -> None:
    xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(FRAME, TWO), 5).save_model(tmp_path / "m.ubj")
    model = read_model(tmp_path / "m.ubj")
    assert look_at_model(tmp_path / "m.ubj").kind == "booster of xgboost"
    assert look_at_model(tmp_path / "m.ubj").features == ("a", "b", "c")
    assert np.array_equal(model(FRAME[["c", "a", "b"]]), model(FRAME))
    with pytest.raises(ValueError, match=r"must have the column\(s\) 'c'"):
        model(FRAME.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="X must have 3 features"):
        model(FRAME[["a", "b"]])
    with pytest.raises(ValueError, match=r"takes numbers, but the column\(s\) 'c' hold text"):
        model(FRAME.assign(c=JOBS))


def test_a_ranking_and_categories_without_names_are_refused_with_the_way_out(tmp_path: Path) -> None:
    rows = xgboost.DMatrix(FRAME, TWO)
    rows.set_group([100, 100])
    xgboost.train({"objective": "rank:pairwise"}, rows, 3).save_model(tmp_path / "m.ubj")
    with pytest.raises(ValueError, match=r"got one for 'rank:pairwise'.*a notebook of your own"):
        read_model(tmp_path / "m.ubj")
    named = xgboost.DMatrix(FRAME.assign(job=pd.Categorical(JOBS)), TWO, enable_categorical=True)
    xgboost.train({"objective": "binary:logistic"}, named, 3).save_model(tmp_path / "m.json")
    with pytest.raises(ValueError, match="export that to ONNX"):
        read_model(tmp_path / "m.json")


@pytest.mark.parametrize("ending", ["ubj", "json", "txt", "cbm"])
def test_garbage_is_named_and_where_it_ends_the_process_only_a_cell(ending: str, tmp_path: Path) -> None:
    for content in (b"garbage", bytes(100)):
        (tmp_path / f"m.{ending}").write_bytes(content)
        with pytest.raises(ValueError, match=f"m.{ending} (could not be read|ended the process)"):
            trial.try_model(tmp_path / f"m.{ending}")


def test_codes_are_read_as_text_where_that_is_said(tmp_path: Path) -> None:
    codes = np.array(["007", "7", "1E5"])[np.arange(200) % 3]
    samples = FRAME.assign(code=codes)
    kind = catboost.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False, cat_features=["code"])
    model = kind.fit(samples, THREE)
    model.save_model(tmp_path / "m.cbm")
    made = subject(tmp_path / "m.cbm", tmp_path, THREE, {"code": codes}, text=("code",))
    assert made.constraints[3].categories == ("007", "1E5", "7")
    assert np.array_equal(made.predict(made.X), model.predict_proba(samples))
    assert "text=['code']" in expression(made.origin)
    with pytest.raises(ValueError, match="must have the column 'cod'"):
        subject(tmp_path / "m.cbm", tmp_path, THREE, {"code": codes}, text=("cod",))
