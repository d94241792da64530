"""Tables as they come: text, gaps, mixed types, in the size that people have."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from xrai_widgets.core import Subject


@pytest.fixture(scope="module")
def real_data() -> Path:
    """The folder with larger public data sets; the tests are skipped where it is not."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("XRAI_DATA") or beside)
    if not (folder / "adult").is_dir():
        pytest.skip("set XRAI_DATA to the folder with the larger public data sets")
    return folder


def pipeline(final: Any) -> Any:
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(
        make_column_transformer(
            (words, make_column_selector(dtype_exclude="number")),
            (StandardScaler(), make_column_selector(dtype_include="number")),
        ),
        final,
    )


def adult(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.read_csv(folder / "adult" / "adult_train.csv.gz", na_values="?").sample(2000, random_state=0)
    return frame, frame.pop("income")


def adult_as_objects(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame, y = adult(folder)
    return frame.astype(dict.fromkeys(frame.select_dtypes(exclude="number"), object)), y


def adult_as_categories(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame, y = adult(folder)
    return frame.astype(dict.fromkeys(frame.select_dtypes(exclude="number"), "category")), y


def churn(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.read_csv(folder / "telco_churn" / "telco_churn.csv.gz", na_values=" ").set_index("customerID")
    frame = frame.dropna(subset=["TotalCharges"]).sample(2000, random_state=0)
    return frame, frame.pop("Churn")


def heart(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.read_csv(folder / "heart_cleveland" / "heart_cleveland.csv.gz").dropna()
    return frame, (frame.pop("num") > 0).astype(int)


def housing(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.read_csv(folder / "california_housing" / "housing.csv.gz").dropna().sample(1500, random_state=0)
    price = frame.pop("median_house_value")
    return frame, pd.cut(price, [0, 150_000, 250_000, np.inf], labels=["low", "middle", "high"])


@pytest.mark.parametrize(
    "final", [RandomForestClassifier(20, random_state=0), LogisticRegression(max_iter=2000)], ids=str
)
@pytest.mark.parametrize("load", [adult, adult_as_objects, adult_as_categories, churn, heart, housing])
def test_a_pipeline_on_a_real_table_is_answered_and_decoded_exactly(load: Any, final: Any, real_data: Path) -> None:
    frame, y = load(real_data)
    half = len(frame) // 2
    model = pipeline(final).fit(frame[:half], y[:half])
    subject = Subject.of(model, frame[half:], y[half:], X_train=frame[:half], y_train=y[:half])
    assert subject.X_train is not None
    assert subject.decode is not None
    for encoded, part in ((subject.X, frame[half:]), (subject.X_train, frame[:half])):
        assert np.array_equal(subject.predict(encoded), model.predict_proba(part))
        pd.testing.assert_frame_equal(subject.decode(encoded), part.reset_index(drop=True))
    assert subject.ids.tolist() == frame.index[half:].tolist()
    assert subject.feature_names == tuple(frame.columns)
    assert [subject.classes[i] for i in subject.y] == y[half:].tolist()
    assert subject.fit is not None
    assert subject.state is not None


def test_gaps_in_numeric_columns_of_a_real_table_reach_the_model_as_they_are(real_data: Path) -> None:
    frame = pd.read_csv(real_data / "heart_cleveland" / "heart_cleveland.csv.gz")
    y = (frame.pop("num") > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4).fit(frame, y)
    subject = Subject.of(model, frame, y)
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(frame))
    assert int(subject.missing.sum()) == int(frame.isna().sum().sum()) == 6
    assert "empty cells: ca 4, thal 2" in subject.notes


def test_a_column_of_numbers_read_as_text_is_named_when_the_model_stumbles(real_data: Path) -> None:
    whole = pd.read_csv(real_data / "telco_churn" / "telco_churn.csv.gz", na_values=" ").dropna()
    raw = pd.read_csv(real_data / "telco_churn" / "telco_churn.csv.gz")
    y = whole.pop("Churn")
    numbers = ["tenure", "MonthlyCharges", "TotalCharges"]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(whole[numbers], y)
    with pytest.raises(
        ValueError, match=r"could not convert string to float: ' ' \(the column 'TotalCharges' holds ' '\)"
    ):
        Subject.of(model, raw[numbers], raw["Churn"])
