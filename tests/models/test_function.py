from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from xrai_widgets.core import Subject
from xrai_widgets.models.adapted import softmax
from xrai_widgets.runtime import assess

N = 90
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
TWO = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 1], [-0.5, 0.5])
FRAME = pd.DataFrame({"age": RNG.integers(18, 80, N), "job": RNG.choice(["cook", "smith"], N)}, index=range(5, N + 5))
TABLE = softmax(RNG.normal(size=(N, 3)))


def share(rows: Any) -> Any:
    return 1 / (1 + np.exp(-rows[:, 0]))


def test_rows_of_probabilities_are_taken_as_they_are() -> None:
    subject = Subject.of(lambda rows: softmax(rows), X, THREE)
    assert (subject.task, subject.outputs, subject.classes) == ("classification", "probabilities", (0, 1, 2))
    assert np.array_equal(subject.predict(subject.X), softmax(X))
    assert subject.fit is None
    assert subject.gradient is None
    assert subject.bounds is not None


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)], ids=["(n,)", "(n, 1)"])
def test_one_share_per_sample_is_the_probability_of_class_1(shape: tuple[int, ...]) -> None:
    subject = Subject.of(lambda rows: share(rows).reshape(shape), X, TWO)
    assert (subject.outputs, subject.classes) == ("probabilities", (0, 1))
    assert np.array_equal(subject.predict(subject.X), np.column_stack([1 - share(X), share(X)]))


def test_the_probability_of_class_1_goes_with_any_two_classes_that_are_named() -> None:
    words = np.array(["no", "yes"])
    subject = Subject.of(share, X, words[TWO], classes=["no", "yes"])
    assert subject.outputs == "probabilities"
    assert np.array_equal(subject.predict(subject.X)[:, 1], share(X))
    assert subject.y.tolist() == TWO.tolist()
    assert Subject.of(share, X, TWO.astype(bool)).y.tolist() == TWO.tolist()


@pytest.mark.parametrize("words", [[0, 1, 2], ["low", "middle", "high"], [-5, 0, 7], [0.0, 1.0, 2.0]], ids=str)
def test_labels_are_taken_as_labels(words: list[Any]) -> None:
    names = np.array(words)
    subject = Subject.of(lambda rows: names[np.digitize(rows[:, 1], [-0.5, 0.5])], X, names[THREE])
    assert subject.outputs == "labels"
    assert set(subject.classes) == set(words)
    assert np.array_equal(subject.predict(subject.X), np.eye(3)[subject.y])


def test_labels_that_only_the_model_knows_are_classes_too() -> None:
    subject = Subject.of(
        lambda rows: np.where(rows[:, 0] > 1, "c", np.where(rows[:, 0] > 0, "b", "a")), X, ["a", "b"] * 45
    )
    assert subject.classes == ("a", "b", "c")


def test_a_label_that_was_never_seen_is_an_error_when_it_comes() -> None:
    subject = Subject.of(
        lambda rows: np.where(rows[:, 0] > 50, "c", np.where(rows[:, 0] > 0, "b", "a")), X, ["a", "b"] * 45
    )
    with pytest.raises(ValueError, match=r"the model must give one of \['a', 'b'\], got 'c'"):
        subject.predict(np.full((1, 3), 99.0))


@pytest.mark.parametrize("target", [X[:, 0] * 7, np.arange(N), np.arange(float(N))], ids=["fractions", "ints", "whole"])
def test_numbers_for_numbers_are_a_regression(target: Any) -> None:
    subject = Subject.of(lambda rows: rows[:, 0] * 10, X, target)
    assert (subject.task, subject.outputs, subject.classes) == ("regression", "values", ())
    assert np.array_equal(subject.predict(subject.X), X[:, 0] * 10)
    assert subject.y.tolist() == target.tolist()


def test_the_task_can_be_said() -> None:
    subject = Subject.of(lambda rows: (rows[:, 0] > 0).astype(int), X, TWO, task="regression")
    assert (subject.task, subject.predict(subject.X).dtype) == ("regression", np.float64)


def test_a_function_gets_the_samples_as_the_user_gave_them() -> None:
    seen: list[Any] = []

    def look(rows: Any) -> Any:
        seen.append(rows)
        return np.tile([0.5, 0.5], (len(rows), 1))

    Subject.of(look, FRAME, TWO)
    pd.testing.assert_frame_equal(seen[0], FRAME.reset_index(drop=True))
    seen.clear()
    Subject.of(look, X, TWO)
    assert np.array_equal(seen[0], X)
    seen.clear()
    images = RNG.random((6, 3, 4, 4))
    assert Subject.of(look, images, [0, 1] * 3).image_shape == (3, 4, 4)
    assert seen[0].shape == (6, 3, 4, 4)
    seen.clear()
    assert Subject.of(look, images.reshape(6, 48), [0, 1] * 3, image_shape=(3, 4, 4)).X.shape == (6, 3, 4, 4)
    assert seen[0].shape == (6, 48)


def test_lists_frames_and_series_may_come_out() -> None:
    for convert in (
        list,
        lambda rows: pd.DataFrame(rows).set_axis(range(7, 7 + len(rows))),
        lambda rows: rows.tolist(),
    ):
        subject = Subject.of(lambda rows, convert=convert: convert(softmax(rows)), X, THREE)
        assert np.array_equal(subject.predict(subject.X), softmax(X))
    assert np.array_equal(Subject.of(lambda rows: pd.Series(share(rows)), X, TWO).predict(X)[:, 1], share(X))


def test_tensors_may_come_out() -> None:
    torch = pytest.importorskip("torch")
    weights = torch.ones(3, 3, requires_grad=True)
    subject = Subject.of(lambda rows: torch.softmax(torch.as_tensor(np.array(rows)).float() @ weights, 1), X, THREE)
    assert np.allclose(subject.predict(subject.X), 1 / 3)


def test_methods_partials_and_objects_are_functions_too() -> None:
    class Model:
        def __call__(self, rows: Any) -> Any:
            return softmax(rows)

    model = LogisticRegression().fit(X, THREE)
    assert np.array_equal(Subject.of(model.predict_proba, X, THREE).predict(X), model.predict_proba(X))
    assert Subject.of(Model(), X, THREE).name == "Model"
    assert Subject.of(partial(LogisticRegression.predict_proba, model), X, THREE).outputs == "probabilities"
    assert Subject.of(share, X, TWO).name == "share"


# no model at all ---------------------------------------------------------------------------------------------------


def test_an_array_of_probabilities_needs_no_model() -> None:
    subject = Subject.of(None, TABLE, THREE)
    assert (subject.name, subject.task, subject.outputs) == ("table of outputs", "classification", "probabilities")
    assert np.array_equal(subject.predict(subject.X), TABLE)
    assert np.array_equal(subject.predict(subject.X[3:5]), TABLE[3:5])
    assert subject.bounds is None
    assert subject.fit is None


@pytest.mark.parametrize("order", [["low", "middle", "high"], ["high", "low", "middle"]], ids=str)
def test_the_columns_of_a_frame_name_the_classes_in_any_order(order: list[str]) -> None:
    frame = pd.DataFrame(TABLE, columns=["low", "middle", "high"])[order]
    y = np.array(["low", "middle", "high"])[THREE]
    subject = Subject.of(None, frame, y)
    assert subject.classes == tuple(order)
    assert [subject.classes[i] for i in subject.y] == y.tolist()
    assert np.array_equal(subject.predict(subject.X), frame.to_numpy())


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        (["0", "1", "2"], [0, 1, 2]),
        ([0, 1, 2], [0, 1, 2]),
        ([2, 0, 1], [0, 1, 2]),
        (["5", "7", "6"], [5, 6, 7]),
        ([0, 1, 2], ["0", "1", "2"]),
    ],
    ids=str,
)
def test_columns_name_numbers_too_as_numbers_or_in_writing(columns: list[Any], labels: list[Any]) -> None:
    y = np.array(labels, dtype=object)[THREE]
    subject = Subject.of(None, pd.DataFrame(TABLE, columns=columns), y)
    assert [subject.classes[i] for i in subject.y] == y.tolist()


def test_columns_may_name_labels_that_only_the_training_samples_have() -> None:
    frame = pd.DataFrame(TABLE, columns=["0", "1", "2"])
    subject = Subject.of(None, frame, TWO, X_train=frame[["2", "1", "0"]], y_train=THREE)
    assert subject.classes == (0, 1, 2)
    assert subject.X_train is not None
    assert np.array_equal(subject.X_train, subject.X)


def test_truth_values_are_named_in_writing() -> None:
    subject = Subject.of(None, pd.DataFrame(TABLE[:, :2] / TABLE[:, :2].sum(1, keepdims=True)), TWO.astype(bool))
    assert subject.y.tolist() == TWO.tolist()


def test_classes_can_be_said_for_a_table() -> None:
    y = np.array(["low", "middle", "high"])[THREE]
    subject = Subject.of(None, pd.DataFrame(TABLE, columns=["p1", "p2", "p3"]), y, classes=["low", "middle", "high"])
    assert subject.y.tolist() == THREE.tolist()
    assert Subject.of(None, TABLE, y, classes=["low", "middle", "high"]).y.tolist() == THREE.tolist()


@pytest.mark.parametrize(
    "values",
    [X[:, 0], X[:, :1], X[:, 0].tolist(), pd.Series(X[:, 0]), pd.DataFrame({"predicted": X[:, 0]})],
    ids=["array", "column", "list", "Series", "frame"],
)
@pytest.mark.parametrize("target", [X[:, 1], np.arange(N)], ids=["fractions", "ints"])
def test_predicted_values_need_no_model_either(values: Any, target: Any) -> None:
    subject = Subject.of(None, values, target)
    assert (subject.task, subject.outputs) == ("regression", "values")
    assert np.array_equal(subject.predict(subject.X), X[:, 0])
    assert subject.bounds is None


def test_a_series_gives_its_index_as_names() -> None:
    subject = Subject.of(None, pd.Series(X[:, 0], index=[f"r{i}" for i in range(N)]), X[:, 1])
    assert subject.ids[:2].tolist() == ["r0", "r1"]


def test_a_table_cannot_be_attacked_and_says_why() -> None:
    outcome = assess(Subject.of(None, TABLE, THREE), "robustness.evasion")
    assert outcome.status == "not applicable"
    assert "a table of probabilities cannot be asked anything new" in outcome.reason
    assert outcome.finding is None


def test_what_a_table_can_tell_is_told() -> None:
    outcome = assess(Subject.of(None, TABLE, THREE, X_train=TABLE[::-1], y_train=THREE), "privacy.shapr")
    assert outcome.status == "ok"


def test_a_function_may_change_its_rows_in_place() -> None:
    def model(rows: Any) -> Any:
        rows -= 1.0
        return share(rows)

    subject = Subject.of(model, X, TWO)
    asked = np.array(X)
    assert np.array_equal(subject.predict(asked)[:, 1], share(X - 1.0))
    assert np.array_equal(asked, X)
    assert np.array_equal(subject.X, X)
