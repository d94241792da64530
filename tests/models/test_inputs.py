from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Constraint, Subject

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = np.arange(N) % 2
FRAME = pd.DataFrame(
    {"age": RNG.integers(18, 80, N), "income": RNG.normal(size=N), "job": RNG.choice(["cook", "smith"], N)},
    index=[f"p{i}" for i in range(N)],
)


def half(rows: Any) -> Any:
    return np.tile([0.5, 0.5], (len(rows), 1))


@pytest.mark.parametrize(
    "rows",
    [X, X.tolist(), X.astype("float32"), (X * 9).astype("int16"), X > 0, np.asfortranarray(X), X[::-1], X.astype("f2")],
    ids=["float64", "list", "float32", "int16", "bool", "columns first", "reversed", "float16"],
)
def test_rows_of_numbers_of_any_type_become_float64(rows: Any) -> None:
    subject = Subject.of(half, rows, Y)
    assert (subject.X.dtype, subject.X.shape, subject.inputs) == (np.float64, (N, 3), "tabular")
    assert np.array_equal(subject.X, np.asarray(rows, dtype=float))
    assert subject.feature_names == ("x0", "x1", "x2")
    assert subject.decode is None


@pytest.mark.parametrize(
    ("shape", "option", "channels"),
    [
        ((N, 1, 4, 4), None, (1, 4, 4)),
        ((N, 3, 4, 5), None, (3, 4, 5)),
        ((N, 4, 5), None, (1, 4, 5)),
        ((N, 20), (4, 5), (1, 4, 5)),
        ((N, 60), (3, 4, 5), (3, 4, 5)),
        ((N, 60), np.array([3, 4, 5]), (3, 4, 5)),
    ],
    ids=str,
)
def test_images_become_float32_with_channels_first(shape: Any, option: Any, channels: Any) -> None:
    images = RNG.random(shape)
    subject = Subject.of(half, images, Y, image_shape=option)
    assert (subject.image_shape, subject.X.shape, subject.X.dtype) == (channels, (N, *channels), np.float32)
    assert subject.inputs == "image"
    assert np.array_equal(subject.X, images.reshape(N, *channels).astype("float32"))
    assert len(subject.feature_names) == len(subject.constraints) == np.prod(channels)


def test_ids_are_the_index_or_count_from_0_or_what_is_given() -> None:
    assert Subject.of(half, X, Y).ids.tolist() == list(range(N))
    assert Subject.of(half, FRAME, Y).ids.tolist() == list(FRAME.index)
    subject = Subject.of(
        half, FRAME, Y, ids=range(100, 100 + N), X_train=FRAME, y_train=Y, X_new=FRAME, new_ids=FRAME.index
    )
    assert subject.ids[0] == 100
    assert subject.train_ids is not None
    assert subject.train_ids[0] == "p0"
    assert subject.new_ids is not None
    assert subject.new_ids[0] == "p0"
    two_levels = FRAME.set_index(pd.MultiIndex.from_product([range(N // 2), ["a", "b"]]))
    assert Subject.of(half, two_levels, Y).ids[1] == (0, "b")
    days = FRAME.set_axis(pd.date_range("2020", periods=N))
    assert len(set(Subject.of(half, days, Y).ids.tolist())) == N


def test_bounds_are_the_range_of_all_data_by_default() -> None:
    train = X * 2
    subject = Subject.of(half, X, Y, X_train=train, y_train=Y, X_new=X * 99)
    assert subject.bounds is not None
    assert np.array_equal(subject.bounds, [train.min(axis=0), train.max(axis=0)])


def test_every_pixel_may_take_what_any_pixel_takes() -> None:
    images = RNG.random((N, 1, 2, 2)).astype("float32")
    subject = Subject.of(half, images, Y)
    assert subject.bounds is not None
    assert np.array_equal(subject.bounds, np.tile([[images.min()], [images.max()]], 4))


@pytest.mark.parametrize(
    "given",
    [
        (-9, 9),
        [-9.0, 9.0],
        ([-9] * 3, [9] * 3),
        np.array([[-9] * 3, [9] * 3]),
        (np.float32(-9), np.int64(9)),
        (-9, [9] * 3),
    ],
    ids=str,
)
def test_bounds_may_be_two_numbers_or_two_rows(given: Any) -> None:
    subject = Subject.of(half, X, Y, bounds=given)
    assert subject.bounds is not None
    assert np.array_equal(subject.bounds, [[-9.0] * 3, [9.0] * 3])


def test_bounds_of_a_category_are_those_of_its_codes_whatever_is_given() -> None:
    for bounds in (None, (-5, 100)):
        subject = Subject.of(half, FRAME, Y, bounds=bounds)
        assert subject.bounds is not None
        assert subject.bounds[:, 2].tolist() == [0.0, 1.0]
    assert subject.bounds is not None
    assert subject.bounds[:, 0].tolist() == [-5.0, 100.0]


def test_data_on_the_bounds_lie_within_them_after_rounding_to_float32() -> None:
    images = np.full((N, 1, 2, 2), 0.1)
    assert Subject.of(half, images, Y, bounds=(0.0, 0.1)).bounds is not None


def test_kinds_of_columns_are_learned_and_the_users_word_added() -> None:
    asked = {
        "age": Constraint(immutable=True),
        "job": Constraint(monotone=0, immutable=True),
        "income": Constraint(monotone=1),
    }
    subject = Subject.of(half, FRAME, Y, constraints=asked)
    age, income, job = subject.constraints
    assert (age.kind, age.immutable) == ("integer", True)
    assert (income.kind, income.monotone) == ("continuous", 1)
    assert (job.kind, job.categories, job.immutable) == ("category", ("cook", "smith"), True)


def test_a_column_of_codes_in_an_array_can_be_called_a_category() -> None:
    codes = np.column_stack([X[:, 0], Y])
    subject = Subject.of(half, codes, Y, constraints={"x1": Constraint(kind="category", categories=("a", "b"))})
    assert subject.constraints[1].categories == ("a", "b")
    assert subject.bounds is not None
    assert subject.bounds[:, 1].tolist() == [0.0, 1.0]


def test_feature_names_rename_columns_also_for_constraints() -> None:
    subject = Subject.of(half, X, Y, feature_names=["a", "b", "c"], constraints={"b": Constraint(immutable=True)})
    assert subject.feature_names == ("a", "b", "c")
    assert [c.immutable for c in subject.constraints] == [False, True, False]
    renamed = Subject.of(half, FRAME, Y, feature_names=["A", "I", "J"])
    assert renamed.feature_names == ("A", "I", "J")
    assert renamed.decode is not None
    assert list(renamed.decode(renamed.X).columns) == ["age", "income", "job"]


def test_groups_are_kept_as_given() -> None:
    assert Subject.of(half, X, Y, groups=None).groups is None
    subject = Subject.of(half, FRAME, Y, groups=FRAME["job"])
    assert subject.groups is not None
    assert subject.groups.tolist() == FRAME["job"].tolist()


def test_a_name_is_the_given_one_or_the_models() -> None:
    assert Subject.of(half, X, Y).name == "half"
    assert Subject.of(half, X, Y, name="mine").name == "mine"
    assert Subject.of(half, X, Y, name="").name == "half"


def test_new_samples_may_break_what_the_others_keep_to() -> None:
    """They are what is to be judged: fractions in a column of whole numbers are a finding, no bad input."""
    whole = {"x0": Constraint(kind="integer")}
    counts, broken = X.round(), X.round() + 0.5
    subject = Subject.of(half, counts, Y, X_new=broken, constraints=whole)
    assert subject.X_new is not None
    assert np.array_equal(subject.X_new, broken)
    for given in ({"X": broken}, {"X": counts, "X_train": broken, "y_train": Y}):
        with pytest.raises(ValueError, match="x0"):
            Subject.of(half, given.pop("X"), Y, constraints=whole, **given)


def test_a_word_that_only_new_samples_hold_is_tried_on_the_model() -> None:
    def knows_two(frame: pd.DataFrame) -> Any:
        if "baker" in set(frame["job"]):
            raise KeyError("unknown job 'baker'")
        return half(frame)

    new = FRAME.assign(job=["baker", *FRAME["job"][1:]])
    assert Subject.of(knows_two, FRAME, Y, X_new=FRAME).X_new is not None
    with pytest.raises(ValueError, match=r"the model cannot predict for X_new: .*the column 'job' holds 'baker'"):
        Subject.of(knows_two, FRAME, Y, X_new=new)


def test_new_samples_are_named_by_their_index_and_need_no_labels() -> None:
    subject = Subject.of(half, FRAME, Y, X_new=FRAME[:7].set_axis([f"n{i}" for i in range(7)]))
    assert subject.new_ids is not None
    assert subject.new_ids.tolist() == [f"n{i}" for i in range(7)]
    assert subject.y_new is None
    with pytest.raises(ValueError, match="new_ids must differ from each other, got 1 repeated"):
        Subject.of(half, X, Y, X_new=X[:2], new_ids=["a", "a"])
