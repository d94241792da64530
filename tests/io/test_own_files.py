"""A subject from files: roles of columns, splits, and what does not go together."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from xrai_widgets.cells.plain import careful
from xrai_widgets.core import Origin, Subject
from xrai_widgets.core.origin import Example
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.summaries import look_at_model, look_at_table
from xrai_widgets.results.as_code import expression

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "row": [f"r{index}" for index in range(80)],
        "age": RNG.integers(20, 60, 80),
        "income": RNG.normal(size=80),
        "job": RNG.choice(["cook", "smith"], 80),
        "note": "free text",
        "risk": RNG.choice(["good", "bad"], 80),
    }
)
FEATURES = ["age", "income", "job"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(FRAME[FEATURES], FRAME["risk"])
    skops.io.dump(model, folder / "model.skops")
    FRAME.to_csv(folder / "all.csv", index=False)
    FRAME[:50].to_csv(folder / "train.csv", index=False)
    FRAME[50:].to_csv(folder / "test.csv", sep=";", index=False)
    return folder


def files(folder: Path, data: str = "test.csv", **words: Any) -> OwnFiles:
    roles = {"target": "risk", "ids": "row", "ignore": ("note",), **words}
    return OwnFiles(folder / "model.skops", folder / data, **roles)


def test_every_column_plays_its_role(folder: Path) -> None:
    subject = files(folder, train=folder / "train.csv", immutable=("age",)).subject()
    assert subject.feature_names == tuple(FEATURES)
    assert subject.ids.tolist() == FRAME["row"][50:].tolist()
    assert subject.train_ids is not None
    assert subject.train_ids.tolist() == FRAME["row"][:50].tolist()
    assert [constraint.immutable for constraint in subject.constraints] == [True, False, False]
    assert subject.name == "model"


def test_a_split_is_that_of_scikit_learn(folder: Path) -> None:
    for stratify in (False, True):
        subject = files(folder, "all.csv", split=0.3, seed=5, stratify=stratify).subject()
        by = FRAME["risk"] if stratify else None
        train, test = train_test_split(FRAME, test_size=0.3, random_state=5, stratify=by)
        assert subject.train_ids is not None
        assert subject.ids.tolist() == test["row"].tolist()
        assert subject.train_ids.tolist() == train["row"].tolist()


def test_its_source_makes_it_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xrai_widgets as xw

    made = files(folder, "all.csv", split=0.3, seed=5, immutable=("age",), style=CsvFormat(delimiter=",")).subject()
    monkeypatch.chdir(folder)
    again = eval(expression(made.origin), {"xw": xw})
    assert again.fingerprint == made.fingerprint
    assert (
        again.origin
        == made.origin
        == files(folder, "all.csv", split=0.3, seed=5, immutable=("age",), style=CsvFormat(delimiter=",")).origin
    )


def test_a_cell_does_not_tell_where_its_subject_came_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xrai_widgets.runtime import trial

    told = files(folder, "all.csv", split=0.3)
    forged = Origin(Example('a"); import os; os.system("evil'))
    monkeypatch.setattr(trial, "made_in_cell", lambda *_: replace(told.subject(), origin=forged))
    assert trial.load(told).origin == told.origin
    monkeypatch.undo()
    with pytest.raises(pickle.UnpicklingError, match=r"the cell may not send xrai_widgets\.core\.origin\.Origin"):
        careful(pickle.dumps(forged))


def test_weights_of_the_training_samples_are_what_it_is_trained_anew_with(tmp_path: Path) -> None:
    table = FRAME[["age", "income", "risk"]].assign(weight=np.where(np.arange(80) < 10, 50.0, 1.0))
    train, test = table[:60], table[60:].drop(columns="weight")
    model = LogisticRegression(max_iter=1000)
    model.fit(train[["age", "income"]], train["risk"], sample_weight=train["weight"])
    skops.io.dump(model, tmp_path / "model.skops")
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    table.to_csv(tmp_path / "all.csv", index=False)

    def made(data: str = "test.csv", **words: Any) -> Subject:
        return OwnFiles(tmp_path / "model.skops", tmp_path / data, "risk", weights="weight", **words).subject()

    subject = made(train=tmp_path / "train.csv")
    assert subject.feature_names == ("age", "income")
    assert subject.trained_with == ("sample_weight",)
    assert subject.fit is not None
    assert subject.X_train is not None
    again = subject.fit(subject.X_train, subject.y_train, seed=0)
    np.testing.assert_allclose(again(subject.X), subject.predict(subject.X), atol=1e-6)
    assert "weights='weight'" in expression(subject.origin)
    assert made("all.csv", split=0.3).feature_names == ("age", "income")
    with pytest.raises(ValueError, match=r"weights \('weight'\) are of training samples: give their table, or a split"):
        made()
    with pytest.raises(
        ValueError, match=r"test.csv must have the weights 'weight', a number in every row, got no such"
    ):
        made(train=tmp_path / "test.csv")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no target": ({"target": ""}, "the target must be given"),
    "another target": ({"target": "rsik"}, "test.csv must have the column 'rsik', got .* did you mean"),
    "another id": ({"ids": "number"}, "test.csv must have the column 'number', got 'row', 'age'"),
    "another ignored": ({"ignore": ("x",)}, "test.csv must have the column 'x'"),
    "another immutable": ({"immutable": ("x",)}, r"test.csv must have the immutable column\(s\) 'x'"),
    "two roles": ({"immutable": ("risk",)}, "a column must have one role, got 'risk' as the target and immutable"),
    "ids that repeat": ({"ids": "note", "ignore": ("row",)}, "ids must differ from each other, got 29 repeated"),
    "a column too many": ({"ignore": ()}, "X must have only the columns .* got also 'note': drop them"),
    "a column too few": ({"ignore": ("note", "job")}, r"X must have the column\(s\) 'job' \(those the model was"),
    "split and train": ({"split": 0.5, "train": Path("t.csv")}, "either a table of training samples or a split"),
    "split of all": ({"split": 1.0}, "split must be the share of rows held out, between 0 and 1, got 1"),
    "seed": ({"seed": -1}, r"seed must lie in \[0, 4294967295\], got -1"),
    "constant target": (
        {"target": "note", "ignore": ("risk",)},
        "'note' must hold at least two different values, got only",
    ),
    "text as target": ({"target": "job", "ignore": ("note", "risk")}, "must have the column"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_go_together_is_named(case: str, folder: Path) -> None:
    words, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        files(folder, **words).subject()


def test_a_target_with_empty_cells_is_named(folder: Path, tmp_path: Path) -> None:
    FRAME.assign(risk=FRAME["risk"].where(FRAME.index > 2)).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"'risk' must be filled in every row of t.csv, got 3 empty"):
        OwnFiles(folder / "model.skops", tmp_path / "t.csv", "risk", ignore=("row", "note")).subject()


def test_a_table_of_nothing_but_roles_is_refused(folder: Path, tmp_path: Path) -> None:
    FRAME[["row", "risk"]].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match="must have at least one feature"):
        OwnFiles(folder / "model.skops", tmp_path / "t.csv", "risk", ids="row").subject()


def test_roles_are_guessed_from_the_model_and_the_names(folder: Path) -> None:
    table = look_at_table(folder / "all.csv", CsvFormat())
    model = look_at_model(folder / "model.skops")
    assert model.kind == "LogisticRegression in a pipeline"
    assert model.features == tuple(FEATURES)
    assert table.guess(model.features) == ("risk", "row", ("note",))
    assert table.guess(()) == ("risk", "row", ())
    assert table.guess(model.features, target="note") == ("note", "row", ("risk",))
    assert [column.kind for column in table.columns] == ["text", "numbers", "numbers", "text", "text", "text"]


def test_the_target_is_the_column_that_holds_the_models_classes(folder: Path, tmp_path: Path) -> None:
    model = look_at_model(folder / "model.skops")
    assert set(model.classes) == set(FRAME["risk"])
    FRAME.assign(label="north", weight=1.5).to_csv(tmp_path / "t.csv", index=False)
    table = look_at_table(tmp_path / "t.csv", CsvFormat())
    assert table.guess(model.features, model.classes) == ("risk", "row", ("note", "label", "weight"))
    numbers = FRAME[FEATURES].assign(bought=np.arange(len(FRAME)) % 2, late=0.5 + np.arange(len(FRAME)) % 2)
    numbers.to_csv(tmp_path / "n.csv", index=False)
    table = look_at_table(tmp_path / "n.csv", CsvFormat())
    assert table.guess(model.features, ("0", "1")) == ("bought", "", ("late",))
    assert table.guess(model.features, ("False", "True")) == ("late", "", ("bought",)), "no column holds them"
