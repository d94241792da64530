"""Defended inputs: squeezed as the paper says, smoothed alike for every query, with gradients that hide nothing."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.subjects import small_digits
from xrai_widgets.core import Array, Subject

INPUT = ("feature squeezing", "smoothing")


@pytest.fixture(scope="module")
def table() -> Subject:
    """A smooth model of two numbers of which one is whole."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(0, 8, 400), rng.integers(0, 31, 400)])
    y = (X[:, 0] + X[:, 1] / 4 > 8).astype(int)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(X[:200], y[:200])
    return Subject.of(
        model,
        X[200:],
        y[200:],
        X_train=X[:200],
        y_train=y[:200],
        name="net",
        bounds=((0, 0), (8, 31)),
        constraints={"x1": {"kind": "integer"}},
    )


def gradient_by_differences(subject: Subject, X: Array, y: Array, step: float = 1e-5) -> Array:
    """Return the derivative of −log of the predicted probability of y, column by column."""
    made = np.empty_like(X)
    for column in range(X.shape[1]):
        moved = [X + sign * step * np.eye(X.shape[1])[column] for sign in (1, -1)]
        up, down = (-np.log(subject.predict(rows)[np.arange(len(y)), y]) for rows in moved)
        made[:, column] = (up - down) / (2 * step)
    return made


def test_squeezing_keeps_as_many_values_as_the_bits_say(table: Subject) -> None:
    seen: list[Array] = []

    def watched(rows: Array) -> Array:
        seen.append(rows)
        return np.full((len(rows), 2), 0.5)

    made = xw.defended(table.answering(watched, state="watched"), "feature squeezing", bits=3)
    seen.clear()
    made.predict(table.X)
    assert np.allclose(np.unique(seen[0][:, 0]), np.linspace(0, 8, 8))
    assert np.abs(seen[0][:, 0] - table.X[:, 0]).max() <= 8 / 7 / 2 + 1e-12
    whole = np.unique(seen[0][:, 1])
    assert np.array_equal(whole, np.rint(whole)), "whole numbers stay whole"
    assert len(whole) == 8


def test_a_squeezed_model_says_what_the_model_says_of_the_squeezed_sample(table: Subject) -> None:
    made = xw.defended(table, "feature squeezing", bits=2)
    near = table.X + np.array([1e-9, 0])
    squeezed = np.column_stack(
        [np.rint(table.X[:, 0] / 8 * 3) / 3 * 8, np.rint(np.rint(table.X[:, 1] / 31 * 3) / 3 * 31)]
    )
    assert np.allclose(made.predict(table.X), table.predict(squeezed))
    assert np.array_equal(made.predict(near), made.predict(table.X)), "its true gradient is 0"
    assert made.gradient is not None
    assert table.gradient is not None
    straight = made.gradient(table.X, table.y)
    assert np.array_equal(straight, table.gradient(squeezed, table.y)), "straight through"
    assert np.abs(straight).max() > 0
    assert any("BPDA" in note for note in made.notes)


def test_categories_and_members_of_one_hot_groups_stay_and_missing_numbers_too() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"word": rng.choice(["a", "b", "c"], 200), "p": rng.integers(0, 2, 200), "size": rng.normal(size=200)}
    )
    frame["q"] = 1 - frame["p"]
    frame.loc[::5, "size"] = np.nan
    seen: list[Any] = []

    def model(rows: pd.DataFrame) -> Array:
        seen.append(rows)
        p = 1 / (1 + np.exp(-rows["size"].fillna(0).to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])

    grouped = {name: {"group": "g"} for name in ("p", "q")}
    subject = Subject.of(model, frame, (frame["size"] > 0).astype(int), constraints=grouped)
    for defence, words in (("feature squeezing", {"bits": 1}), ("smoothing", {"sigma": 0.3, "draws": 3})):
        made = xw.defended(subject, defence, **words)
        seen.clear()
        made.predict(subject.X)
        for rows in seen:
            assert rows["word"].tolist() == frame["word"].tolist()
            assert rows[["p", "q"]].to_numpy().tolist() == frame[["p", "q"]].to_numpy().tolist()
            assert np.array_equal(rows["size"].isna(), frame["size"].isna())
            assert not np.allclose(rows["size"].dropna(), frame["size"].dropna())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_median_filter_is_for_images_alone(table: Subject) -> None:
    from scipy.ndimage import median_filter

    digits = small_digits()
    made = xw.defended(digits, "feature squeezing", squeezer="median filter", size=2)
    filtered = np.stack([median_filter(image[0], 2, mode="reflect") for image in digits.X[:20]])[:, None]
    assert np.allclose(made.predict(digits.X[:20]), digits.predict(filtered))
    assert not np.allclose(made.predict(digits.X[:20]), digits.predict(digits.X[:20]))
    with pytest.raises(ValueError, match=r"net cannot be defended by feature squeezing: a median filter is for images"):
        xw.defended(table, "feature squeezing", squeezer="median filter")


@pytest.mark.parametrize("combine", ["mean", "majority"])
def test_smoothing_gives_the_same_sample_the_same_prediction(table: Subject, combine: str) -> None:
    made = xw.defended(table, "smoothing", sigma=0.2, draws=10, combine=combine)
    together = made.predict(table.X)
    assert made.unstable == 0
    assert np.array_equal(made.predict(table.X[::-1])[::-1], together)
    assert np.allclose(made.predict(table.X[3:4]), together[3:4])
    assert np.allclose(together.sum(axis=1), 1)
    again = xw.defended(table, "smoothing", sigma=0.2, draws=10, combine=combine, seed=1)
    assert not np.array_equal(again.predict(table.X), together)
    assert again.fingerprint != made.fingerprint
    if combine == "majority":
        assert np.allclose(together * 10, np.rint(together * 10)), "shares of ten votes"
    assert any("always gets the same prediction" in note for note in made.notes)


def test_the_gradient_of_a_mean_over_draws_is_its_derivative(table: Subject) -> None:
    free = xw.constrained(table, {"x1": {"kind": "continuous"}})  # whole numbers are rounded, and have no derivative
    made = xw.defended(free, "smoothing", sigma=0.2, draws=8)
    assert made.gradient is not None
    X, y = made.X[:40], made.y[:40]
    expected = gradient_by_differences(made, X, y)
    assert np.allclose(made.gradient(X, y), expected, rtol=1e-3, atol=1e-5)
    assert made.logit_gradient is not None
    assert np.allclose(made.logit_gradient(X, -np.eye(2)[y]), expected, rtol=1e-3, atol=1e-5)


def test_smoothing_of_a_regression_is_a_mean_of_values(regression: Subject) -> None:
    made = xw.defended(regression, "smoothing", draws=5)
    assert made.predict(made.X[:7]).shape == (7,)
    with pytest.raises(ValueError, match="values have no majority; use combine='mean'"):
        xw.defended(regression, "smoothing", combine="majority")


def test_a_rule_of_the_models_own_is_voted_on_and_not_averaged() -> None:
    X = np.linspace(0, 1, 100)[:, None]
    y = (X[:, 0] > 0.8).astype(int)
    model = LogisticRegression(C=100).fit(X, y)

    def strict(rows: Array) -> Array:
        return (rows[:, 0] > 0.9).astype(int)

    subject = Subject.of(model, X, y, decide=strict)
    with pytest.raises(ValueError, match=r"rule of its own.*; use combine='majority'"):
        xw.defended(subject, "smoothing")
    made = xw.defended(subject, "smoothing", combine="majority", sigma=0.001, draws=3)
    assert np.array_equal(made.predict(X).argmax(axis=1), strict(X))
    squeezed = xw.defended(subject, "feature squeezing", bits=1)
    assert squeezed.decide is not None
    assert np.array_equal(squeezed.decide(X), (X[:, 0] > 0.5).astype(int))


@pytest.mark.parametrize("name", INPUT)
def test_a_defended_input_travels_refits_and_is_made_again_by_its_code(name: str, logistic: Subject) -> None:
    from xrai_widgets.results.as_code import expression

    made = xw.defended(logistic, name)
    sent = pickle.loads(pickle.dumps(made.predict))
    assert np.array_equal(sent(made.X[:9]), made.predict(made.X[:9]))
    assert made.fit is not None
    fresh = made.fit(made.X_train, made.y_train, seed=0)
    assert np.allclose(fresh(made.X), made.predict(made.X), atol=1e-6), "the same model, behind the same defence"
    again = eval(expression(made.origin), {"xw": xw})
    assert again.fingerprint == made.fingerprint
    assert made.linear is None
    assert made.undefended is not None
    assert np.array_equal(made.undefended.predict(made.X), logistic.predict(made.X))


def test_of_several_defences_the_model_before_is_that_before_all_of_them(logistic: Subject) -> None:
    made = xw.defended(xw.defended(logistic, "feature squeezing", bits=2), "rounding")
    assert made.undefended is not None
    assert made.undefended.defence == "squeezed to 2 bits, then rounded to 1 decimal"
    assert np.array_equal(made.undefended.predict(made.X), logistic.predict(made.X))


def test_a_table_of_outputs_has_no_inputs_to_defend() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    subject = Subject.of(None, shares, shares.argmax(axis=1))
    for name in INPUT:
        with pytest.raises(ValueError, match="cannot be asked about changed samples"):
            xw.defended(subject, name)
