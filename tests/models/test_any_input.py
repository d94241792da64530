"""Whatever comes in, a subject or a ValueError or TypeError comes out, and the user's data stay as they were."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Constraint, Subject

CALM = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}
ODD = st.sampled_from(
    [
        *(None, np.nan, np.inf, -np.inf, pd.NA, pd.NaT, "", "x", "1", " ", b"b", 0, 1, -1, 2, True, False, 0.5, 1e308),
        *(2**70, 1j, (), (1,), [1], {"a": 1}, {1}, object(), np.float32(1), np.datetime64("2020"), int),
        *(pd.Timestamp("2020"), pd.Timedelta("1D"), pd.Interval(0, 1), pd.Period("2020")),
    ]
)
PLAIN = st.one_of(
    st.integers(-3, 3),
    st.floats(-2, 2),
    st.booleans(),
    st.sampled_from(["a", "b", "c"]),
    st.floats(),
    st.text(max_size=3),
)
TYPES = st.sampled_from(
    [
        None,
        None,
        None,
        object,
        "str",
        "float64",
        "int64",
        "category",
        "Int64",
        "Float64",
        "boolean",
        "string",
        "complex128",
    ]
)
NAMES = st.one_of(
    st.sampled_from(["n", "w", "m", 0, 1, "0", None, np.nan, ("a", 1), 1.5, "", "é\n", True]), st.text(max_size=2)
)


@cache
def models() -> list[Any]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.normal(size=30), "w": rng.choice(["a", "b", "c"], 30)})
    y = (frame["n"] > 0).astype(int)
    encode = make_column_transformer((OneHotEncoder(), ["w"]), remainder="passthrough")
    return [
        make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(frame, y),
        make_pipeline(encode, LogisticRegression()).fit(frame, np.array(["no", "yes"])[y]),
        LogisticRegression().fit(rng.normal(size=(30, 2)), y),
        DecisionTreeClassifier().fit(frame[["n"]], y + 5),
        LinearRegression().fit(rng.normal(size=(30, 2)), frame["n"]),
        LogisticRegression(),
        None,
        len,
        "model",
    ]


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    cells = draw(st.sampled_from([PLAIN, PLAIN, PLAIN, ODD, st.one_of(PLAIN, ODD)]))
    kind = draw(st.integers(0, 5))
    if kind == 0:
        values: Any = draw(st.lists(st.floats(-3, 3), min_size=rows, max_size=rows))
    elif kind == 1:
        values = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=rows, max_size=rows))
    else:
        values = draw(st.lists(cells, min_size=rows, max_size=rows))
    dtype = draw(TYPES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pd.Series(values, dtype=dtype)
        except Exception:  # noqa: BLE001 - pandas does not make such a column
            return pd.Series(values, dtype=object)


@st.composite
def frames(draw: st.DrawFn, rows: int) -> pd.DataFrame:
    names = draw(st.one_of(st.just(["n", "w"]), st.just(["w", "n"]), st.lists(NAMES, max_size=4)))
    parts = [draw(columns(rows)) for _ in names]
    frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(rows))
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    index = draw(st.sampled_from(["range", "words", "same", "dates"]))
    if index == "words":
        frame.index = [f"r{i}" for i in range(rows)]
    elif index == "same" and rows:
        frame.index = [0] * rows
    elif index == "dates":
        frame.index = pd.date_range("2020", periods=rows)
    return frame


@st.composite
def samples(draw: st.DrawFn, rows: int) -> Any:
    kind = draw(st.integers(0, 6))
    if kind <= 3:
        return draw(frames(rows))
    if kind == 4:
        shape = draw(st.sampled_from([(rows, 2), (rows, 1), (rows,), (rows, 0), (rows, 2, 2), (rows, 1, 2, 2), ()]))
        cells = st.floats(-2, 2) if draw(st.booleans()) else st.floats()
        size = int(np.prod(shape))
        return np.array(draw(st.lists(cells, min_size=size, max_size=size))).reshape(shape)
    if kind == 5:
        return draw(st.lists(st.lists(st.one_of(PLAIN, ODD), max_size=3), min_size=rows, max_size=rows))
    return draw(st.one_of(ODD, st.lists(PLAIN, max_size=rows), st.just(np.full((rows, 2), 0.5))))


@st.composite
def labels(draw: st.DrawFn, rows: int) -> Any:
    count = rows if draw(st.integers(0, 9)) else draw(st.integers(0, rows + 2))
    kind = draw(st.integers(0, 7))
    if kind <= 2:
        return [(0, 1)[i % 2] for i in range(count)]
    if kind == 3:
        return [("no", "yes")[i % 2] for i in range(count)]
    if kind == 4:
        return draw(columns(count))
    if kind == 5:
        return np.array(draw(st.lists(st.floats(), min_size=count, max_size=count)))
    if kind == 6:
        return draw(st.lists(st.one_of(PLAIN, ODD), min_size=count, max_size=count))
    return draw(st.one_of(ODD, st.just(np.eye(2)[np.arange(count) % 2]), st.just(np.zeros((count, 2, 2)))))


@st.composite
def functions(draw: st.DrawFn) -> Callable[[Any], Any]:
    out = draw(
        st.sampled_from(
            ["half", "share", "ones", "first", "labels", "words", "raise", "none", "nan", "cell", "object", "wide"]
        )
    )
    cell = draw(st.one_of(PLAIN, ODD))

    def function(rows: Any) -> Any:
        n = len(rows)
        match out:
            case "half":
                return np.full((n, 2), 0.5)
            case "share":
                return np.linspace(0.1, 0.9, n)
            case "ones":
                return np.ones((n, 3))
            case "first":
                return np.asarray(rows)[:, 0]
            case "labels":
                return np.arange(n) % 2
            case "words":
                return np.array(["no", "yes"])[np.arange(n) % 2]
            case "raise":
                raise ZeroDivisionError("of the user's")
            case "none":
                return None
            case "nan":
                return np.full((n, 2), np.nan)
            case "cell":
                return [cell] * n
            case "object":
                return np.array([[cell, cell]] * n, dtype=object)
        return np.full((n, 2, 2), 0.25)

    return function


def right(model: int) -> dict[str, Any]:
    """A call that gives a subject, for the models that can."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"n": rng.normal(size=8), "w": ["a", "b", "c", "a"] * 2})
    y = np.arange(8) % 2
    rows: Any = [frame, frame, frame[["n"]].to_numpy().repeat(2, axis=1), frame[["n"]], rng.normal(size=(8, 2))][model]
    labels_ = [y, np.array(["no", "yes"])[y], y, y + 5, frame["n"]][model]
    return {"model": models()[model], "X": rows, "y": labels_, "X_train": rows, "y_train": labels_}


def options(rows: int) -> dict[str, Any]:
    return {
        "task": st.sampled_from(["classification", "regression", "other"]),
        "classes": st.sampled_from([[0, 1], ["no", "yes"], [1], [], "ab", 3, [[1], [2]], [None, np.nan]]),
        "ids": st.one_of(ODD, labels(rows), st.just(range(rows))),
        "groups": st.one_of(ODD, labels(rows)),
        "bounds": st.one_of(ODD, st.sampled_from([(0, 1), (-9, 9), (1, 0), ([0], [1]), ("a", "b"), np.eye(2)])),
        "constraints": st.sampled_from(
            [{}, {"n": Constraint(immutable=True)}, {"w": 1}, {1: Constraint()}, [], "n", {"n": Constraint("category")}]
        ),
        "feature_names": st.sampled_from([["a", "b"], ["a", "a"], [], "ab", [None, 1], 5, ["a"]]),
        "image_shape": st.sampled_from([(1, 2), (1, 1, 2), (2,), (), "ab", (-1, -2), (1.0, 2.0), 2]),
        "name": st.one_of(st.none(), st.text(max_size=3)),
    }


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    call = right(draw(st.integers(0, 4)))
    for _ in range(draw(st.integers(0, 2))):
        part = draw(
            st.sampled_from(["model", "X", "X_train", "X_new", "y", "y_train", "cell", "cell", "cell", "option"])
        )
        if part == "model":
            call["model"] = draw(functions())
        elif part.startswith("X"):
            call[part] = draw(samples(8))
        elif part.startswith("y"):
            call[part] = draw(labels(8))
        elif part == "option":
            option = draw(st.sampled_from(sorted(options(8))))
            call[option] = draw(options(8)[option])
        elif isinstance(call["X"], pd.DataFrame) and len(call["X"].columns):
            role = draw(st.sampled_from(["X", "X_train"]))
            if isinstance(call[role], pd.DataFrame):
                call[role] = call[role].copy()
                call[role][draw(st.sampled_from(["n", "w"]))] = draw(columns(8)).to_numpy(dtype=object)
                if draw(st.booleans()):
                    call[role] = call[role].infer_objects()
        elif isinstance(call["X"], np.ndarray) and call["X"].size:
            call["X"] = call["X"].astype(float)
            call["X"].flat[draw(st.integers(0, call["X"].size - 1))] = draw(st.floats())
    return call


@st.composite
def anything(draw: st.DrawFn) -> dict[str, Any]:
    rows = draw(st.integers(0, 8))
    call: dict[str, Any] = {"X": draw(samples(rows)), "y": draw(labels(rows))}
    call["model"] = draw(functions()) if draw(st.booleans()) else draw(st.sampled_from(models()))
    if not draw(st.integers(0, 2)):
        call["X_train"] = draw(st.one_of(samples(rows), st.just(call["X"])))
        call["y_train"] = draw(labels(rows))
    if not draw(st.integers(0, 4)):
        call["X_new"] = draw(samples(rows))
        call["y_new"] = draw(st.one_of(st.none(), labels(rows)))
    for option, values in options(rows).items():
        if not draw(st.integers(0, 15)):
            call[option] = draw(values)
    return call


def calls() -> Any:
    return st.one_of(nearly_right(), nearly_right(), anything())


def made(call: dict[str, Any]) -> Subject | None:
    try:
        return Subject.of(**call)
    except (ValueError, TypeError):
        return None


def check(call: dict[str, Any]) -> None:
    kept = {role: part.copy(deep=True) for role, part in call.items() if isinstance(part, pd.DataFrame | pd.Series)}
    arrays = {role: part.copy() for role, part in call.items() if isinstance(part, np.ndarray)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subject = made(call)
        if subject is not None:
            assert subject.fingerprint
            assert len(subject.predict(subject.X)) == len(subject.X) == len(subject.y) == len(subject.ids)
            assert np.isfinite(subject.X).all()
            assert len(set(subject.feature_names)) == len(subject.constraints)
    for role, part in kept.items():
        assert (
            part.dtypes.equals(call[role].dtypes) if isinstance(part, pd.DataFrame) else part.dtype == call[role].dtype
        )
        assert repr(part) == repr(call[role])
    for role, array in arrays.items():
        assert np.array_equal(array, call[role], equal_nan=array.dtype.kind == "f")
        assert call[role].flags.writeable


@settings(max_examples=200, derandomize=True, **CALM)
@given(calls())
def test_any_input_gives_a_subject_or_a_message(call: dict[str, Any]) -> None:
    check(call)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, **CALM)
@given(calls())
def test_ten_thousand_inputs_give_a_subject_or_a_message(call: dict[str, Any]) -> None:
    check(call)
