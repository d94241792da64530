"""The most exposed samples, in the units of whoever made the model."""

import base64
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xrai_widgets.core import Chart, Finding, Subject
from xrai_widgets.results.exposed import contents, top_samples
from xrai_widgets.runtime import assess


def chart(beyond: str = "above") -> Chart:
    return Chart("samples", "histogram", "score", title="T", cut=0.0, beyond=beyond)  # type: ignore[arg-type]


def finding(parts: list[str], scores: list[float]) -> Finding:
    samples = pd.DataFrame({"part": parts, "id": [f"s{n}" for n in range(len(parts))], "score": scores})
    return Finding({}, tables={"samples": samples})


def test_the_furthest_beyond_the_cut_stand_first() -> None:
    given = finding(["X"] * 4, [1.0, 3.0, np.nan, 2.0])
    assert top_samples(chart(), given)["id"].tolist() == ["s1", "s3", "s0"]
    assert top_samples(chart("below"), given)["id"].tolist() == ["s0", "s3", "s1"]
    assert top_samples(chart(), given, most=1)["id"].tolist() == ["s1"]


def test_of_members_and_others_the_members_are_exposed() -> None:
    given = finding(["X", "X_train", "X", "X_train"], [9.0, 1.0, 8.0, 2.0])
    assert top_samples(chart(), given)["id"].tolist() == ["s3", "s1"]


def test_a_side_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond of the chart 'T' must be above or below, got 'left'"):
        chart("left")


def test_rows_are_in_original_units_with_the_class_in_its_own_words(credit: Subject) -> None:
    found = assess(credit, "privacy.shapr").finding
    assert found is not None
    shown = top_samples(found.charts[0], found, 5)
    inside = contents(credit, shown).table
    assert set(shown["class"]) <= {"good", "bad"}
    assert credit.X_train is not None
    assert credit.train_ids is not None
    assert credit.decode is not None
    rows = [credit.train_ids.tolist().index(name) for name in shown["id"]]
    assert inside.equals(credit.decode(credit.X_train[rows]).reset_index(drop=True))
    assert "no checking account" in credit.decode(credit.X_train)["checking_status"].tolist()
    assert inside.shape == (5, 20)


def test_a_model_without_columns_of_its_own_shows_numbers_by_feature(logistic: Subject) -> None:
    bare = replace(logistic, decode=None)
    found = contents(bare, pd.DataFrame({"part": ["X"], "id": [bare.ids[2]]}))
    assert list(found.table.columns) == list(bare.feature_names)
    assert found.table.iloc[0].to_numpy() == pytest.approx(bare.X[2])


def test_a_regression_shows_the_true_value(regression: Subject) -> None:
    found = contents(regression, pd.DataFrame({"part": ["X", "X"], "id": regression.ids[[3, 1]]}))
    assert found.table["true value"].tolist() == regression.y[[3, 1]].tolist()


def test_images_are_pictures(digits: Subject) -> None:
    found = contents(digits, pd.DataFrame({"part": ["X"], "id": [digits.ids[4]]}))
    assert found.table.empty
    head, _, data = found.pictures[0].partition(",")
    assert head == "data:image/png;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), dtype=float)
    image = digits.X[4, 0]
    wanted = 255 * (image - image.min()) / (image.max() - image.min())
    assert np.abs(picture - wanted).max() <= 1


def test_ids_that_name_two_samples_show_no_contents(forest: Subject) -> None:
    doubled = replace(forest, ids=np.zeros(len(forest.X), dtype=int))
    found = contents(doubled, pd.DataFrame({"part": ["X"], "id": [0]}))
    assert found.table.empty
    assert "the same id" in found.note


def test_samples_of_another_model_show_no_contents(forest: Subject) -> None:
    found = contents(forest, pd.DataFrame({"part": ["X"], "id": ["nobody"]}))
    assert found.table.empty
    assert "not among those of the model" in found.note


def test_a_wide_table_is_cut_and_that_is_said(forest: Subject) -> None:
    X = np.arange(150.0).reshape(3, 50)
    wide = replace(forest, X=X, y=np.zeros(3, dtype=int), ids=np.arange(3), decode=None, feature_names=())
    found = contents(wide, pd.DataFrame({"part": ["X"], "id": [1]}))
    assert found.table.shape == (1, 40)
    assert found.note == "The first 40 of 50 columns are shown."


def test_what_is_in_a_new_sample_is_looked_up_among_the_new_ones(logistic: Subject) -> None:
    subject = replace(
        logistic,
        decode=None,
        X_new=logistic.X[::-1][:9],
        y_new=logistic.y[::-1][:9],
        new_ids=np.array([f"n{i}" for i in range(9)]),
    )
    found = contents(subject, pd.DataFrame({"part": ["X_new"] * 2, "id": ["n3", "n0"]})).table
    same = contents(subject, pd.DataFrame({"part": ["X"] * 2, "id": subject.ids[[-4, -1]]})).table
    assert len(found) == 2
    assert found.equals(same)
    nameless = replace(subject, new_ids=None)
    assert contents(nameless, pd.DataFrame({"part": ["X_new"] * 2, "id": [3, 0]})).table.equals(found)


def mixed(subject: Subject) -> Subject:
    """A batch whose names are those of X, though the samples are others."""
    return replace(subject, X_new=subject.X[::-1][:9], y_new=subject.y[::-1][:9], new_ids=subject.ids[:9])


@pytest.mark.parametrize("first", ["X", "X_new"])
def test_a_row_of_one_part_never_shows_what_is_in_another_of_the_same_name(logistic: Subject, first: str) -> None:
    subject = mixed(replace(logistic, decode=None))
    assert subject.X_new is not None
    second = {"X": "X_new", "X_new": "X"}[first]
    names = subject.ids[[2, 2, 5]]
    found = contents(subject, pd.DataFrame({"part": [first, second, first], "id": names})).table.to_numpy()
    of = {"X": subject.X, "X_new": subject.X_new}
    assert np.array_equal(found, np.stack([of[first][2], of[second][2], of[first][5]]))


def test_pictures_and_true_values_are_those_of_their_part_too(digits: Subject, regression: Subject) -> None:
    subject = mixed(digits)
    names = subject.ids[[1, 1]]
    both = contents(subject, pd.DataFrame({"part": ["X", "X_new"], "id": names})).pictures
    alone = [contents(subject, pd.DataFrame({"part": [part], "id": names[:1]})).pictures[0] for part in ("X", "X_new")]
    assert list(both) == alone
    assert both[0] != both[1]
    values = mixed(regression)
    table = pd.DataFrame({"part": ["X_new", "X"], "id": values.ids[[3, 3]]})
    assert contents(values, table).table["true value"].tolist() == [values.y[::-1][3], values.y[3]]
    unknown = contents(replace(values, y_new=None), table).table["true value"]
    assert np.isnan(unknown[0])
    assert unknown[1] == values.y[3]


def test_a_part_that_is_not_there_is_said(logistic: Subject) -> None:
    for part in ("X_new", "elsewhere"):
        found = contents(logistic, pd.DataFrame({"part": ["X", part], "id": logistic.ids[:2]}))
        assert found.table.empty
        assert "not among those of the model" in found.note


def test_the_chart_says_whose_samples_stand_out() -> None:
    given = finding(["X", "X_new", "X", "X_new"], [9.0, 1.0, 8.0, 2.0])
    assert top_samples(chart(), given)["part"].tolist() == ["X", "X", "X_new", "X_new"]
    assert top_samples(replace(chart(), part="X_new"), given)["id"].tolist() == ["s3", "s1"]
    both = finding(["X", "X_train"], [1.0, 9.0])
    assert top_samples(replace(chart(), part="X"), both)["id"].tolist() == ["s0"]
    with pytest.raises(ValueError, match="part of the chart 'T' must be one of X, X_train, X_new or empty, got 'Y'"):
        replace(chart(), part="Y")  # type: ignore[arg-type]  # the mistake
