"""Cells of a CSV that are text: names, groups, and words that look like empty cells."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.table_files import read_table

IDS = ["00012", "1E5", "1E05", "100000", "12", "1e5", "0x1F", "NA", " 7", "1.0"]
LAND = ["NA", "DE", "NA", "FR", "DE", "NA", "FR", "DE", "NA", "FR"]
AGE = [20, 30, 40, 50, 60, 25, 35, 45, 55, 65]
RISK = ["good", "bad"] * 5
HEAD = "row,land,age,risk\n"


def table(folder: Path, land: list[str] = LAND, risk: list[str] = RISK, name: str = "t.csv") -> Path:
    lines = [f"{i},{place},{age},{label}" for i, place, age, label in zip(IDS, land, AGE, risk, strict=True)]
    (folder / name).write_text(HEAD + "\n".join(lines) + "\n")
    return folder / name


def saved(folder: Path, encoder: Any, land: list[Any] = LAND, risk: Any = RISK) -> Path:
    frame = pd.DataFrame({"land": land, "age": AGE})
    model = make_pipeline(make_column_transformer((encoder, ["land"]), remainder="passthrough"), LogisticRegression())
    skops.io.dump(model.fit(frame, risk), folder / "m.skops")
    return folder / "m.skops"


def test_names_that_look_like_numbers_are_names(tmp_path: Path) -> None:
    files = OwnFiles(saved(tmp_path, OneHotEncoder()), table(tmp_path), "risk", ids="row")
    subject = files.subject()
    assert subject.ids.tolist() == IDS


def test_groups_are_text_and_the_same_column_is_still_a_number_for_the_model(tmp_path: Path) -> None:
    model = saved(tmp_path, OneHotEncoder())
    subject = OwnFiles(model, table(tmp_path), "risk", ids="row", groups="age").subject()
    assert subject.groups is not None
    assert subject.groups.tolist() == [str(age) for age in AGE]
    assert subject.feature_names == ("land", "age")
    assert subject.constraints[1].kind == "integer"
    (tmp_path / "g.csv").write_text(
        "g,land,age,risk\n" + "".join(f"0{i % 2},DE,{AGE[i]},{RISK[i]}\n" for i in range(10))
    )
    subject = OwnFiles(model, tmp_path / "g.csv", "risk", ignore=("g",), groups="g").subject()
    assert subject.groups is not None
    assert set(subject.groups.tolist()) == {"00", "01"}
    split = OwnFiles(model, tmp_path / "g.csv", "risk", ignore=("g",), groups="g", split=0.4).subject()
    assert split.train_groups is not None
    assert set(split.train_groups.tolist()) | set(split.groups.tolist()) == {"00", "01"}  # type: ignore[union-attr]  # given


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=["one-hot", "ordinal"])
def test_a_word_that_looks_like_an_empty_cell_stays_one_where_the_model_knows_it(encoder: Any, tmp_path: Path) -> None:
    model = saved(tmp_path, encoder)
    subject = OwnFiles(model, table(tmp_path), "risk", ids="row").subject()
    assert subject.constraints[0].categories == ("DE", "FR", "NA")
    assert subject.decode is not None
    assert subject.decode(subject.X)["land"].tolist() == LAND
    assert not any("empty" in note for note in subject.notes)


def test_an_empty_cell_of_which_the_model_knows_nothing_is_one_and_is_counted(tmp_path: Path) -> None:
    land = [None if place == "NA" else place for place in LAND]
    model = saved(tmp_path, OneHotEncoder(), land)
    subject = OwnFiles(model, table(tmp_path), "risk", ids="row").subject()
    assert subject.notes == ("empty cells: land 4",)
    assert "empty cells: land 4" in subject.describe()


def test_codes_that_were_trained_as_text_are_read_as_text(tmp_path: Path) -> None:
    codes = [f"0{place}" for place in range(3)] * 3 + ["00"]
    model = saved(tmp_path, OneHotEncoder(), codes)
    subject = OwnFiles(model, table(tmp_path, codes), "risk", ids="row").subject()
    assert subject.constraints[0].categories == ("00", "01", "02")


def test_labels_that_are_words_are_read_as_words(tmp_path: Path) -> None:
    labels = ["NA", "01"] * 5
    model = saved(tmp_path, OneHotEncoder(), LAND, labels)
    subject = OwnFiles(model, table(tmp_path, risk=labels), "risk", ids="row").subject()
    assert subject.classes == ("01", "NA")
    assert subject.y.tolist() == [1, 0] * 5


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n'], ids=repr)
def test_the_line_that_excel_writes_before_the_header_is_no_row(line: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes((line + "a;b\n1;x\n2;y,z\n").encode("utf-8-sig"))
    frame = read_table(tmp_path / "t.csv")
    assert frame.columns.tolist() == ["a", "b"]
    assert frame["b"].tolist() == ["x", "y,z"]


def test_an_index_of_a_parquet_table_that_repeats_itself_names_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"land": LAND, "age": AGE, "risk": RISK})
    pd.concat([frame[:5], frame[:5]]).to_parquet(tmp_path / "t.parquet")
    subject = OwnFiles(saved(tmp_path, OneHotEncoder()), tmp_path / "t.parquet", "risk").subject()
    assert subject.ids.tolist() == list(range(10))
    frame.set_axis([f"r{i}" for i in range(10)]).to_parquet(tmp_path / "u.parquet")
    subject = OwnFiles(saved(tmp_path, OneHotEncoder()), tmp_path / "u.parquet", "risk").subject()
    assert subject.ids.tolist() == [f"r{i}" for i in range(10)]
    assert np.array_equal(np.sort(subject.X[:, 1]), np.sort(AGE))
