"""A batch to be judged teaches nothing: with and without it a subject knows the same, and gets its own cells back."""

import pickle
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.models.test_frame import ROUND, frames, same_cells
from xrai_widgets.core import Array, Subject
from xrai_widgets.models.constrained import constrained
from xrai_widgets.models.inputs import learn
from xrai_widgets.models.unseen import with_batch

N = 12
Y = np.arange(N) % 2
LEVELS = pd.CategoricalDtype(["low", "high"], ordered=True)
MORE = pd.CategoricalDtype(["high", "extreme", "low"], ordered=True)
DAYS = pd.date_range("2020-01-01", periods=3).tolist()
NEWER = pd.date_range("2030-01-01", periods=2).tolist()

# cells of X and their type; cells of X_new and theirs; codes of the latter, or the numbers themselves
WORDS: dict[str, tuple[list[Any], Any, list[Any], Any, list[float]]] = {
    "objects": (["fig", "pear", "kiwi"], object, ["apple", "pear", "zucchini"], object, [3, 2, 4]),
    "strings": (["fig", "pear", "kiwi"], "string", ["apple", "pear", "fig"], "string", [3, 2, 0]),
    "objects for strings": (["fig", "pear", "kiwi"], "str", ["apple", "pear", "fig"], object, [3, 2, 0]),
    "a type that lists its categories": (["low", "high"], LEVELS, ["extreme", "low"], MORE, [2, 0]),
    "words for such a type": (["low", "high"], LEVELS, ["extreme", "high"], object, [2, 1]),
    "gaps where there were none": (["a", "b"], object, ["b", None, "c"], object, [1, 3, 2]),
    "NaN where there was none": (["a", "b"], object, [np.nan, "b"], object, [2, 1]),
    "gaps among listed categories": (["low", "high"], LEVELS, [None, "low"], LEVELS, [2, 0]),
    "nothing but gaps": (["a", "b"], object, [np.nan, np.nan], float, [2, 2]),
    "words and numbers": (["a", 1, "b"], object, [2, "c", "a"], object, [3, 4, 1]),
    "truth values with gaps": ([True, None, False], object, [False, None, True], object, [0, 2, 1]),
    "points in time": (DAYS, "datetime64[ns]", [*NEWER, DAYS[1]], "datetime64[ns]", [3, 4, 1]),
    "no time": (DAYS, "datetime64[ns]", [pd.NaT, DAYS[0]], "datetime64[ns]", [3, 0]),
    "months": (
        list(pd.period_range("2020-01", periods=2, freq="M")),
        "period[M]",
        [pd.Period("1999-01", "M")],
        None,
        [2],
    ),
    "decimals": ([Decimal("1.5"), Decimal("2.5")], object, [Decimal("0.5"), Decimal("2.5")], object, [2, 1]),
}
NUMBERS: dict[str, tuple[list[Any], Any, list[Any], Any]] = {
    "fractions among integers": ([1, 2, 3], "int64", [1.5, 2.0], "float64"),
    "missing integers": ([1, 2, 3], "int64", [np.nan, 2.0], "float64"),
    "missing objects": ([1, 2, 3], "int64", [None, 2], object),
    "integers too large for the type": ([1, 2, 3], "int8", [300, 2], "int64"),
    "missing truth values": ([True, False], "bool", [True, None], object),
    "numbers among truth values": ([True, False], "bool", [2, 1], "int64"),
    "NA among integers that may be missing": ([1, 2, 3], "Int64", [pd.NA, 2], "Int64"),
    "fractions among integers that may be missing": ([1, 2, 3], "Int64", [0.5, 2.0], "float64"),
    "too large for half the precision": ([1.0, 2.0], "float16", [1e6, 2.0], "float64"),
    "only gaps": ([1, 2, 3], "int64", [np.nan, np.nan], "float64"),
    "integers among fractions": ([0.5, 1.5], "float64", [1, 2], "int64"),
}


def half(rows: Any) -> Array:
    return np.full((len(rows), 2), 0.5)


def table(cells: list[Any], dtype: Any, rows: int = N) -> pd.DataFrame:
    column = pd.Series((cells * rows)[:rows], dtype=dtype)
    return pd.DataFrame({"c": column, "x": np.linspace(0, 1, rows)})


def the_same_but_for_the_batch(first: Subject, second: Subject) -> None:
    """All that is known of X, X_train and the model."""
    for name in ("X", "y", "X_train", "y_train", "bounds", "predict", "gradient", "linear", "thresholds", "regions"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None), name
        if isinstance(one, np.ndarray):
            assert one.tobytes() == other.tobytes(), name
    for name in ("constraints", "classes", "feature_names", "outputs", "task", "image_shape", "state"):
        assert getattr(first, name) == getattr(second, name), name
    assert {part: first.parts[part] for part in first.parts} == {part: second.parts[part] for part in first.parts}
    assert np.array_equal(first.predict(first.X), second.predict(second.X))


@pytest.mark.parametrize("kind", WORDS)
def test_unseen_words_stand_after_the_last_one_and_come_back(kind: str) -> None:
    cells, dtype, new, new_type, codes = WORDS[kind]
    X, batch = table(cells, dtype), table(new, new_type, len(new))
    without, subject = Subject.of(half, X, Y), Subject.of(half, X, Y, X_new=batch)
    the_same_but_for_the_batch(without, subject)
    assert subject.X_new is not None
    assert subject.X_new[:, 0].tolist() == codes
    decode = pickle.loads(pickle.dumps(subject.decode))
    assert decode is not None
    back, known = decode(subject.X_new)["c"], decode(subject.X)["c"]
    for cell, wanted in zip(back.tolist(), batch["c"].tolist(), strict=True):
        assert pd.isna(cell) if pd.isna(wanted) else (cell == wanted and type(cell) is type(wanted))
    assert known.dtype == X["c"].dtype, "the others stay in their own type"
    assert known.tolist() == X["c"].tolist()


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_that_the_type_does_not_hold_reach_the_model_as_they_are(kind: str) -> None:
    cells, dtype, new, new_type = NUMBERS[kind]
    X, batch = table(cells, dtype), table(new, new_type, len(new))
    asked: list[pd.DataFrame] = []

    def heard(rows: pd.DataFrame) -> Array:
        asked.append(rows)
        return half(rows)

    without, subject = Subject.of(heard, X, Y), Subject.of(heard, X, Y, X_new=batch)
    the_same_but_for_the_batch(without, subject)
    assert subject.X_new is not None
    asked.clear()
    subject.predict(subject.X_new)
    subject.predict(subject.X)
    for cell, wanted in zip(asked[0]["c"].tolist(), batch["c"].tolist(), strict=True):
        assert pd.isna(cell) if pd.isna(wanted) else cell == wanted
    assert asked[1]["c"].dtype == X["c"].dtype
    assert asked[1]["c"].tolist() == X["c"].tolist()


@pytest.mark.parametrize(
    ("dtype", "new"),
    [
        ("int64", np.array([[0.5, 1.0]])),
        ("int32", np.array([[np.nan, 1.0]])),
        ("uint8", np.array([[300, -1]])),
        ("int64", [[0.5, 1]]),
        ("bool", np.array([[2.0, 1.0]])),
    ],
    ids=str,
)
def test_arrays_of_a_narrow_type_make_room_for_the_batch_alone(dtype: str, new: Any) -> None:
    asked: list[Array] = []

    def heard(rows: Array) -> Array:
        asked.append(rows)
        return half(rows)

    X = (np.arange(2 * N).reshape(N, 2) % 3 % 2).astype(dtype)
    without, subject = Subject.of(heard, X, Y), Subject.of(heard, X, Y, X_new=new)
    the_same_but_for_the_batch(without, subject)
    assert subject.X_new is not None
    asked.clear()
    subject.predict(subject.X_new)
    subject.predict(subject.X)
    assert np.array_equal(asked[0], np.asarray(new, dtype=float), equal_nan=True)
    assert asked[1].dtype == X.dtype


def test_an_array_of_text_has_room_for_longer_words() -> None:
    """NumPy would cut them to the longest word of X."""
    asked: list[Array] = []

    def heard(rows: Array) -> Array:
        asked.append(rows)
        return half(rows)

    X = np.array([["a", "u"], ["b", "v"]] * 6)
    subject = Subject.of(
        heard, X, Y, X_train=np.array([["abc", "u"]] * 2), y_train=[0, 1], X_new=np.array([["surgeon", "u"]])
    )
    assert subject.X_new is not None
    assert subject.X_train is not None
    asked.clear()
    subject.predict(subject.X_new)
    subject.predict(subject.X_train)
    assert asked[0].tolist() == [["surgeon", "u"]]
    assert asked[1].tolist() == [["abc", "u"]] * 2


@ROUND
@given(frames(), st.data())
def test_any_batch_comes_back_or_is_refused_by_name_and_the_other_samples_stay(
    frame: pd.DataFrame, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(frame)))
    first, second = frame.iloc[:cut], frame.iloc[cut - 1 :]
    alone = learn({"X": first}, feature_names=None, image_shape=None)
    inputs, refused = alone, ""
    try:
        inputs = with_batch(alone, {"X": first, "X_new": second})
    except TypeError as error:
        refused = str(error)
    if refused:
        event("refused")
        assert re.match(r"column '.*' of X_new must hold .*, as in X, got .*: convert the column", refused)
        return
    event("taken")
    assert alone.codec is not None
    assert inputs.codec is not None
    assert inputs.constraints == alone.constraints
    assert inputs.encode(first, "X").tobytes() == alone.encode(first, "X").tobytes()
    assert same_cells(inputs.codec.decode(inputs.encode(first, "X")), alone.codec.decode(alone.encode(first, "X")))
    back = inputs.codec.decode(inputs.encode(second, "X_new"))
    for cell, wanted in zip(back.to_numpy(dtype=object).ravel(), second.to_numpy(dtype=object).ravel(), strict=True):
        assert pd.isna(cell) if pd.isna(wanted) else cell == wanted


def credit(encoder: Any) -> tuple[Any, pd.DataFrame]:
    frame = pd.DataFrame({"job": ["cook", "smith"] * 6, "branch": [10, 20, 70] * 4, "age": range(20, 20 + N)})
    encode = make_column_transformer((encoder, ["job", "branch"]), remainder=SimpleImputer())
    return make_pipeline(encode, LogisticRegression()).fit(frame, Y), frame


def test_numbers_that_are_codes_get_codes_after_the_last_one_too() -> None:
    model, frame = credit(OneHotEncoder(handle_unknown="ignore"))
    batch = frame.assign(branch=[99, 5, 10, 20] * 3, job=["pilot", *frame.job[1:]])
    without, subject = Subject.of(model, frame, Y), Subject.of(model, frame, Y, X_new=batch)
    the_same_but_for_the_batch(without, subject)
    assert subject.constraints[1].categories == ("10", "20", "70")
    assert subject.X_new is not None
    assert subject.X_new[:4, 1].tolist() == [4, 3, 0, 1]
    assert np.allclose(subject.predict(subject.X_new), model.predict_proba(batch))
    assert subject.decode is not None
    assert subject.decode(subject.X_new).astype(object).equals(batch.astype(object))


def test_codes_that_are_numbers_from_0_on_may_be_new_as_well() -> None:
    model, frame = credit(OneHotEncoder(handle_unknown="ignore"))
    frame = frame.assign(branch=frame.branch.map({10: 0, 20: 1, 70: 2}))
    model.fit(frame, Y)
    batch = frame.assign(branch=[7, -1, 2, 0] * 3)
    without, subject = Subject.of(model, frame, Y), Subject.of(model, frame, Y, X_new=batch)
    the_same_but_for_the_batch(without, subject)
    assert subject.X_new is not None
    assert subject.X_new[:4, 1].tolist() == [4, 3, 2, 0]
    assert np.allclose(subject.predict(subject.X_new), model.predict_proba(batch))


def test_a_model_that_takes_no_unknown_word_says_why_and_what_to_do() -> None:
    model, frame = credit(OneHotEncoder(handle_unknown="error"))
    message = (
        r"^the model cannot predict for X_new: .*'pilot'.*\(the column 'job' holds 'pilot', which no other samples "
        r"do: leave those rows out, or pass a model that takes unknown words"
    )
    with pytest.raises(ValueError, match=message):
        Subject.of(model, frame, Y, X_new=frame.assign(job=[*frame.job[1:], "pilot"]))


def test_a_model_that_takes_no_gaps_says_that_the_batch_has_some() -> None:
    X = np.random.default_rng(0).normal(size=(N, 2))
    model = LogisticRegression().fit(X, Y)
    batch = X.copy()
    batch[3, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"^the model cannot predict for X_new, in which numbers are missing \(some are missing\)"
    ):
        Subject.of(model, X, Y, X_new=batch)


def test_gaps_of_the_batch_take_no_abilities_from_the_model() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, N), "b": np.arange(N) % 3.0})
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(frame, Y)
    batch = frame.mask(frame.a < 0.2)
    the_same_but_for_the_batch(Subject.of(model, frame, Y), Subject.of(model, frame, Y, X_new=batch))


def test_labels_of_the_batch_teach_no_class() -> None:
    def says(rows: Array) -> Array:
        return np.where(np.asarray(rows)[:, 0] > 0, "yes", "no")

    X = np.linspace(-1, 1, N).reshape(-1, 1)
    y = says(X)
    subject = Subject.of(says, X, y, X_new=X[:3], y_new=["yes", "no", "no"])
    assert subject.classes == Subject.of(says, X, y).classes == ("no", "yes")
    with pytest.raises(
        ValueError, match=r"^y_new must hold labels that the model knows, \['no', 'yes'\], got \['maybe'\]"
    ):
        Subject.of(says, X, y, X_new=X[:3], y_new=["yes", "maybe", "no"])


def test_which_samples_are_foreign_stands_beside_the_batch_and_in_the_digests() -> None:
    X = np.linspace(-1, 1, N).reshape(-1, 1)
    made = [Subject.of(half, X, Y, X_new=X[:2], foreign=flags) for flags in (None, [True, False], [False, False])]
    assert made[0].foreign is None
    assert made[1].foreign is not None
    assert made[1].foreign.dtype == bool
    assert made[1].foreign.tolist() == [True, False]
    assert not made[1].foreign.flags.writeable
    assert len({one.fingerprint for one in made}) == len({one.parts["X_new"] for one in made}) == 3
    objects = Subject.of(half, X, Y, X_new=X[:2], foreign=pd.Series([True, False], dtype=object))
    assert objects.fingerprint == made[1].fingerprint


IMAGES = np.linspace(0, 1, N * 16).reshape(N, 4, 4)
FRAME = pd.DataFrame({"job": ["cook", "smith"] * 6, "age": range(N)})
BAD: dict[str, tuple[Any, str]] = {
    "foreign without a batch": (
        lambda: Subject.of(half, FRAME, Y, foreign=[True] * N),
        "^foreign needs X_new, the batch of which it says a truth value per row",
    ),
    "foreign of numbers": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME, foreign=Y),
        "^foreign must hold True or False, one per row of X_new, got int64 such as 0: pass a comparison",
    ),
    "foreign of words": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME[:2], foreign=["yes", "no"]),
        "^foreign must hold True or False, .* such as 'yes'",
    ),
    "foreign of another length": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME[:3], foreign=[True, False]),
        "^foreign must have 3 entries, one per row of its samples, got 2",
    ),
    "foreign with a gap": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME[:2], foreign=[True, None]),
        "^foreign must have no missing entries, got 1",
    ),
    "an empty batch": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME[:0]),
        "^X_new must hold at least one row, got none: leave it out",
    ),
    "an empty array": (
        lambda: Subject.of(half, IMAGES, Y, X_new=IMAGES[:0]),
        "^X_new must hold at least one row and one column, got shape",
    ),
    "other columns": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME.rename(columns={"job": "work"})),
        r"^X_new must have the column\(s\) 'job' \(as in X\), got 'work', 'age'",
    ),
    "another number of features": (
        lambda: Subject.of(half, np.eye(N), Y, X_new=np.eye(N)[:, :3]),
        r"^each sample of X_new must have shape \(12,\), as in X, got \(3,\)",
    ),
    "an array beside a DataFrame": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME.to_numpy()),
        "^X_new must be a DataFrame, as X is, got ndarray",
    ),
    "words where X has numbers": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME.assign(age="old")),
        "^column 'age' of X_new must hold numbers, as in X, got .* such as 'old': convert the column",
    ),
    "numbers where X has words": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME.assign(job=3)),
        "^column 'job' of X_new must hold text, as in X, got int such as 3: convert the column",
    ),
    "times with a zone": (
        lambda: Subject.of(
            half,
            FRAME.assign(t=pd.Timestamp("2020-01-01")),
            Y,
            X_new=FRAME.assign(t=pd.Timestamp("2020-01-02", tz="UTC")),
        ),
        "^column 't' of X_new must hold datetime64.*, as in X, got datetime64.*UTC",
    ),
    "an infinite number": (
        lambda: Subject.of(half, FRAME, Y, X_new=FRAME.assign(age=np.inf)),
        "^column 'age' of X_new must hold finite numbers or missing ones",
    ),
    "gaps in a batch of predicted values": (
        lambda: Subject.of(None, [1.5, 2.5, 3.5], [1.0, 2.0, 3.5], X_new=[np.nan, 1.0], task="regression"),
        "^X_new must hold finite numbers, got 1 NaN: without a model it is the table of outputs",
    ),
    "pictures on another scale": (
        lambda: Subject.of(half, IMAGES, Y, X_new=IMAGES * 255),
        r"^pixels of X_new must lie in \[0, 1\], as X does, got \[0, 255\]: bring them to the same scale",
    ),
    "pictures outside of bounds": (
        lambda: Subject.of(half, IMAGES, Y, X_new=IMAGES + 0.1, bounds=(0, 1)),
        r"^pixels of X_new must lie in \[0, 1\], the bounds, got \[0.1, 1.1\]",
    ),
    "pictures of another size": (
        lambda: Subject.of(half, IMAGES, Y, X_new=IMAGES[:, :3]),
        r"^each sample of X_new must have shape \(4, 4\), as in X, got \(3, 4\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_batch_that_will_not_do_is_refused_by_name(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_pictures_a_little_outside_of_what_was_seen_are_judged() -> None:
    assert Subject.of(half, IMAGES, Y, X_new=IMAGES + 0.1).X_new is not None


def test_a_word_is_only_blamed_where_the_model_speaks_of_it() -> None:
    def refuses(frame: pd.DataFrame) -> Array:
        if "a" in set(frame["job"]):
            raise RuntimeError("a fatal alarm")
        return half(frame)

    with pytest.raises(ValueError, match=r"for X_new: RuntimeError: a fatal alarm \(columns of text: job"):
        Subject.of(refuses, FRAME, Y, X_new=FRAME.assign(job="a"))


def test_numbers_declared_to_be_codes_later_leave_the_batch_its_own() -> None:
    frame = pd.DataFrame({"branch": [10, 20, 70] * 4, "x": np.linspace(0, 1, N)})
    batch = frame[:4].assign(branch=[99, 10, 20, 5])
    limits = {"branch": {"kind": "category"}}
    without = constrained(Subject.of(half, frame, Y), limits)
    subject = constrained(Subject.of(half, frame, Y, X_new=batch), limits)
    the_same_but_for_the_batch(without, subject)
    assert subject.X_new is not None
    assert subject.decode is not None
    assert subject.X_new[:, 0].tolist() == [4, 0, 1, 3]
    assert subject.decode(subject.X_new)["branch"].tolist() == [99, 10, 20, 5]
