import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xrai_widgets.models.frame import FrameCodec

ROWS = st.integers(1, 12)
WORDS = st.text(max_size=5)
WHOLE = {"int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 2**53, "Int64": 2**53, "int64[pyarrow]": 2**53}
ROUND = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def whole(dtype: str) -> Any:
    return st.integers(-WHOLE[dtype] + 1, WHOLE[dtype] - 1)


def real(width: int) -> Any:
    return st.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[call-overload]


CELLS: dict[str, tuple[Any, Any]] = {
    **{dtype: (whole(dtype), dtype) for dtype in WHOLE},
    "uint8": (st.integers(0, 255), "uint8"),
    "uint64": (st.integers(0, 2**53), "uint64"),
    "float64": (real(64), "float64"),
    "float32": (real(32), "float32"),
    "float16": (real(16), "float16"),
    "Float64": (real(64), "Float64"),
    "double[pyarrow]": (real(64), "double[pyarrow]"),
    "bool": (st.booleans(), "bool"),
    "boolean": (st.booleans(), "boolean"),
    "str": (WORDS, "str"),
    "string": (WORDS | st.none(), "string"),
    "str with gaps": (WORDS | st.none(), "str"),
    "object": (WORDS, object),
    "object with None": (WORDS | st.none(), object),
    "object with NaN": (WORDS | st.just(np.nan), object),
    "object with all kinds of gaps": (WORDS | st.sampled_from([None, np.nan, pd.NA]), object),
    "object of integers": (st.integers(-(2**53), 2**53), object),
    "object of floats": (real(64), object),
    "object of truths": (st.booleans(), object),
    "object of truths with gaps": (st.booleans() | st.none(), object),
    "object of text and numbers": (WORDS | st.integers(2, 9), object),
    "category": (st.sampled_from(["a", "b"]), pd.CategoricalDtype(["b", "a", "never"])),
    "ordered category": (st.sampled_from(["low", "high"]), pd.CategoricalDtype(["low", "high"], ordered=True)),
    "category with gaps": (st.sampled_from(["a", None]), pd.CategoricalDtype(["b", "a"])),
    "category of numbers": (st.sampled_from([1, 5]), pd.CategoricalDtype([5, 1])),
    "category of truths": (st.booleans(), pd.CategoricalDtype([False, True])),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(ROWS)
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    columns = {}
    for number, kind in enumerate(kinds):
        cells, dtype = CELLS[kind]
        values = draw(st.lists(cells, min_size=rows, max_size=rows))
        columns[f"{kind} {number}"] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    codec = FrameCodec.learn({"X": frame})
    encoded = codec.encode(frame, "X")
    assert encoded.shape == frame.shape
    assert encoded.dtype == np.float64
    return codec.decode(encoded)


def same_cells(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Whether all types and cells are the same, None, NaN and NA told apart."""
    if list(first.dtypes) != list(second.dtypes) or list(first.columns) != list(second.columns):
        return False
    pairs = zip(first.to_numpy(dtype=object).ravel(), second.to_numpy(dtype=object).ravel(), strict=True)
    return all(repr(a) == repr(b) if pd.isna(a) or pd.isna(b) else a == b for a, b in pairs)


@pytest.mark.parametrize("kind", CELLS)
def test_a_column_of_every_kind_comes_back_as_it_was(kind: str) -> None:
    cells, dtype = CELLS[kind]

    @settings(ROUND, max_examples=40)
    @given(st.lists(cells, min_size=1, max_size=10))
    def check(values: list[Any]) -> None:
        frame = pd.DataFrame({"column": pd.Series(values, dtype=dtype)})
        back = round_trip(frame)
        assert same_cells(back, frame), (back, frame)

    check()


@ROUND
@given(frames())
def test_a_frame_of_mixed_columns_comes_back_as_it_was(frame: pd.DataFrame) -> None:
    back = round_trip(frame)
    assert same_cells(back, frame), (back, frame)
    assert list(back.index) == list(range(len(frame)))


@ROUND
@given(frames(), st.data())
def test_rows_of_the_training_samples_come_back_too(frame: pd.DataFrame, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(frame) - 1))
    first, second = frame.iloc[cut:], frame.iloc[: cut + 1]
    codec = FrameCodec.learn({"X": first, "X_train": second})
    for part, role in ((first, "X"), (second, "X_train")):
        back = codec.decode(codec.encode(part, role))
        left, right = back.to_numpy(dtype=object).ravel(), part.to_numpy(dtype=object).ravel()
        for a, b in zip(left, right, strict=True):
            assert (pd.isna(a) and pd.isna(b)) if pd.isna(a) or pd.isna(b) else a == b


@ROUND
@given(frames())
def test_encoding_leaves_the_frame_alone(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    round_trip(frame)
    assert same_cells(frame, before)


@pytest.mark.parametrize("others", [{"b": [0.5, 3.5]}, {"b": [1, 2], "c": ["x", "y"]}], ids=["numbers", "mixed"])
def test_what_a_model_does_to_its_table_reaches_neither_the_samples_nor_the_next_table(others: dict[str, Any]) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], **others})
    codec = FrameCodec.learn({"X": frame})
    packed = pickle.dumps(codec)
    for order in ("C", "F"):
        encoded = np.array(codec.encode(frame, "X"), order=order)  # type: ignore[call-overload]  # either order
        before, given = encoded.copy(), codec.decode(encoded)
        given.iloc[0, 0] = 7.5
        given["a"].to_numpy().flags.writeable = False
        given.columns.name = "mine"
        given.insert(0, "new", 0)
        assert np.array_equal(encoded, before)
        again = codec.decode(encoded)
        pd.testing.assert_frame_equal(again, frame)
        assert again.columns.name is None
    assert pickle.dumps(codec) == packed, "what it makes on the way goes to no other process"
    pd.testing.assert_frame_equal(pickle.loads(packed).decode(encoded), frame)


def column(*parts: Any, dtypes: tuple[Any, ...] = ()) -> tuple[FrameCodec, list[pd.DataFrame]]:
    roles = ("X", "X_train", "X_new")
    given_types = dtypes or (None,) * len(parts)
    frames_ = [pd.DataFrame({"c": pd.Series(p, dtype=t)}) for p, t in zip(parts, given_types, strict=True)]
    return FrameCodec.learn(dict(zip(roles, frames_, strict=False))), frames_


@pytest.mark.parametrize(
    ("first", "second", "kind", "dtype"),
    [
        ("int64", "float64", "continuous", "float64"),
        ("float32", "float64", "continuous", "float64"),
        ("int8", "int64", "integer", "int64"),
        ("bool", "int64", "integer", "int64"),
        ("Int64", "int64", "integer", "int64"),
        ("Float64", "int64", "continuous", "float64"),
        ("int64[pyarrow]", "float64", "continuous", "float64"),
    ],
)
def test_numbers_of_two_types_take_the_wider_one(first: str, second: str, kind: str, dtype: str) -> None:
    wide = [300, 5] if second == "int64" else [0.1, 5.0]
    codec, (_, train) = column([0, 1], wide, dtypes=(first, second))
    assert codec.columns[0].kind == kind
    back = codec.decode(codec.encode(train, "X_train"))
    assert back["c"].tolist() == wide
    assert back["c"].dtype == dtype


def test_categories_of_all_samples_are_known() -> None:
    narrow, wide = pd.CategoricalDtype(["b"], ordered=True), pd.CategoricalDtype(["a", "b", "c"], ordered=True)
    codec, (test, train) = column(["b", "b"], ["c", "a"], dtypes=(narrow, wide))
    assert codec.columns[0].categories == ("b", "a", "c")
    back = codec.decode(codec.encode(train, "X_train"))["c"]
    assert back.tolist() == ["c", "a"]
    assert back.dtype.ordered  # type: ignore[union-attr]
    assert codec.decode(codec.encode(test, "X"))["c"].tolist() == ["b", "b"]


def test_words_are_coded_in_the_order_of_the_alphabet_and_categories_in_their_own() -> None:
    codec, (words,) = column(["pear", "apple", "fig"])
    assert codec.encode(words, "X").ravel().tolist() == [2, 0, 1]
    codec, (levels,) = column(["low", "high"], dtypes=(pd.CategoricalDtype(["low", "mid", "high"]),))
    assert codec.encode(levels, "X").ravel().tolist() == [0, 2]
    assert codec.constraints[0].categories == ("low", "mid", "high")


def test_an_empty_cell_is_a_category_of_its_own() -> None:
    codec, (words,) = column(["b", None, "a"])
    assert codec.encode(words, "X").ravel().tolist() == [1, 2, 0]
    assert len(codec.constraints[0].categories) == 3
    codec, (test, train) = column(["a", "b"], ["a", np.nan], dtypes=(object, object))
    back = codec.decode(codec.encode(train, "X_train"))["c"]
    assert back[0] == "a"
    assert isinstance(back[1], float)
    assert codec.decode(codec.encode(test, "X"))["c"].tolist() == ["a", "b"]


def test_truth_values_with_gaps_in_training_are_categories() -> None:
    codec, (test, train) = column([True, False], [True, None], dtypes=("bool", object))
    assert codec.columns[0].kind == "category"
    assert codec.decode(codec.encode(train, "X_train"))["c"].tolist() == [True, None]
    assert codec.decode(codec.encode(test, "X"))["c"].tolist() == [True, False]


def test_numbers_in_an_object_column_are_numbers() -> None:
    codec, (frame,) = column([1.5, 2.5], dtypes=(object,))
    assert codec.columns[0].kind == "continuous"
    assert codec.decode(codec.encode(frame, "X"))["c"].dtype == object


def test_kinds_are_told_by_type() -> None:
    codec = FrameCodec.learn({"X": pd.DataFrame({"n": [1, 2], "x": [0.5, 1.5], "t": [True, False], "w": ["a", "b"]})})
    assert [c.kind for c in codec.constraints] == ["integer", "continuous", "integer", "category"]
    assert codec.names == ("n", "x", "t", "w")


def test_numbers_between_the_codes_are_rounded_and_those_beyond_cut() -> None:
    frame = pd.DataFrame({"w": ["a", "b", "c"], "n": [1, 2, 3], "t": [True, False, True]})
    codec = FrameCodec.learn({"X": frame})
    back = codec.decode(np.array([[0.4, 1.4, 0.6], [1.6, 2.6, 0.4], [9.0, -3.0, 1.0], [-4.0, 0.0, 0.0]]))
    assert back["w"].tolist() == ["a", "c", "c", "a"]
    assert back["n"].tolist() == [1, 3, -3, 0]
    assert back["t"].tolist() == [True, False, True, False]
    assert list(back.dtypes) == list(frame.dtypes)


def test_column_names_need_not_be_words() -> None:
    tuples = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
    for names in ([0, 7], [("a", 1), "b"], tuples, [1.5, "x"]):
        frame = pd.DataFrame([[1.0, 2.0]], columns=names)
        back = round_trip(frame)
        assert list(back.columns) == list(frame.columns)
        assert back.to_numpy().tolist() == [[1.0, 2.0]]


def test_a_column_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="the columns of X must have names, got 'a', nan"):
        round_trip(pd.DataFrame([[1.0, 2.0]], columns=["a", np.nan]))


def test_columns_in_another_order_are_found_by_name() -> None:
    first = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    codec = FrameCodec.learn({"X": first, "X_train": first[["b", "a"]]})
    assert np.array_equal(codec.encode(first[["b", "a"]], "X_train"), codec.encode(first, "X"))


def test_sparse_numbers_come_back() -> None:
    frame = pd.DataFrame({"s": pd.arrays.SparseArray([0.0, 0.0, 3.0])})
    back = round_trip(frame)
    assert back["s"].tolist() == [0.0, 0.0, 3.0]
    assert back["s"].dtype == frame["s"].dtype
