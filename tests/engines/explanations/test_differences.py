"""Finite differences: the slopes of models without gradients, and what they add to the search."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import xrai_widgets as xw
from xrai_widgets.core import Array, Cancelled, Constraint, Subject
from xrai_widgets.engines._search.differences import Differences
from xrai_widgets.engines._search.scorer import Scorer, is_smooth
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem
from xrai_widgets.models.adapted import softmax

pytestmark = pytest.mark.usefixtures("without_controls")

Tables = tuple[Array, Array]


def scaled(load: Any) -> Tables:
    X, y = load(return_X_y=True)
    return (X - X.min(axis=0)) / np.ptp(X, axis=0), y


@pytest.fixture(scope="module")
def cancer() -> Tables:
    return scaled(load_breast_cancer)


@pytest.fixture(scope="module")
def network(cancer: Tables) -> MLPClassifier:
    return MLPClassifier((32, 16), max_iter=1000, random_state=0).fit(*cancer)


def objectives(model: Any, X: Array, y: Array, **params: Any) -> tuple[Array, xw.Finding]:
    subject = Subject.of(model, X, y, X_train=X, y_train=y)
    given = {"mode": "PN", "n_samples": 30, "noise": 0.0} | params
    outcome = xw.assess(subject, "explanations.cem", strict=True, **given)
    assert outcome.finding is not None
    return outcome.finding.tables["samples"]["pn_objective"].to_numpy(), outcome.finding


def test_on_the_same_network_differences_come_to_the_objective_of_gradients(
    network: MLPClassifier, cancer: Tables
) -> None:
    exact, _ = objectives(network, *cancer, search="gradient")
    ours, finding = objectives(network.predict_proba, *cancer)
    searched, _ = objectives(network.predict_proba, *cancer, search="coordinate")
    assert any("refined by finite differences" in note for note in finding.notes)
    assert np.isfinite([exact, ours, searched]).all()
    assert np.mean(ours <= 1.1 * exact) >= 0.9
    assert np.median(ours / exact) <= 1.01
    assert (ours <= searched + 1e-9).all()
    print(
        "mlp",
        np.quantile(searched / exact, [0.25, 0.5, 0.75, 0.9]),
        np.mean(searched <= 1.1 * exact),
        np.mean(ours <= 1.1 * exact),
    )
    assert finding.values["validity"] == 1.0


def test_asked_for_by_name_they_stand_in_for_gradients(network: MLPClassifier, cancer: Tables) -> None:
    ours, finding = objectives(network, *cancer, search="finite differences", n_samples=10)
    given, _ = objectives(network, *cancer, search="gradient", n_samples=10)
    assert np.median(ours / given) <= 1.01
    assert not any("differences" in note for note in finding.notes)


def test_kernel_machines_gain_too(cancer: Tables) -> None:
    X, y = cancer
    model = SVC(C=3, random_state=0).fit(X, y)

    def predict(Z: Array) -> Array:
        return softmax(np.column_stack([np.zeros(len(Z)), 5 * model.decision_function(Z)]))

    ours, finding = objectives(predict, X, y, n_samples=12)
    searched, _ = objectives(predict, X, y, n_samples=12, search="coordinate")
    assert any("refined by finite differences" in note for note in finding.notes)
    assert (ours <= searched + 1e-9).all()
    assert np.median(ours / searched) < 0.9


def test_models_that_jump_are_not_differentiated(cancer: Tables) -> None:
    X, y = cancer
    for model in (RandomForestClassifier(30, random_state=0), KNeighborsClassifier(5)):
        fitted = model.fit(X, y)
        _, finding = objectives(fitted, X, y, n_samples=5)
        assert not any("differences" in note for note in finding.notes)
    _, finding = objectives(fitted, X, y, n_samples=5, search="finite differences")
    assert any("finite differences add little" in note for note in finding.notes)


def curve(Z: Array) -> Array:
    return np.column_stack([np.zeros(len(Z)), Z[:, 0] ** 3 + Z[:, 1] * Z[:, 2], Z[:, 3] * Z[:, 0] + Z[:, 4] ** 2])


def test_the_slope_is_the_derivative_and_nothing_outside_the_ranges_is_asked() -> None:
    kinds = [
        *(Constraint(), Constraint(immutable=True), Constraint(), Constraint("category", ("a", "b"))),
        *(Constraint("integer"), Constraint(group="g"), Constraint(group="g")),
    ]
    bounds = np.array([[-1.0, 0, 0, 0, 0.4, 0, 0], [2.0, 1, 1, 1, 6.7, 1, 1]])
    X = np.array([[2.0, 0.5, 0.0, 1, 3, 0, 1], [0.5, 0.2, 0.7, 0, 6, 1, 0]])
    asked: list[Array] = []

    def scores(Z: Array, _row: Array) -> Array:
        asked.append(Z.copy())
        return curve(Z)

    found = Differences.of(Space(bounds, kinds)).slope(scores, X, np.array([1, 2]), np.array([0, 1]), rows=3)
    seen = np.vstack(asked)
    assert all(len(Z) <= 3 for Z in asked)
    assert ((seen >= bounds[0]) & (seen <= bounds[1])).all()
    assert np.array_equal(seen[:, 4], np.rint(seen[:, 4]))
    assert found[0] == pytest.approx([3 * 2.0**2, 0, 0.5, 0, 0, 0, 0], abs=0.02), "one-sided at the end of the range"
    assert found[1, [0, 2]] == pytest.approx([0 - 3 * 0.25, -0.2], abs=1e-4)
    assert found[1, 4] == pytest.approx(36 - 25), "a whole step down: 7 lies beyond the range"
    assert (found[:, [1, 3, 5, 6]] == 0).all()


@pytest.mark.parametrize(
    ("predict", "smooth"),
    [
        (lambda Z: softmax(curve(Z)), True),
        (lambda Z: softmax(curve(np.floor(40 * Z) / 40)), False),
        (lambda Z: softmax(curve(np.floor(700 * Z) / 700)), False),
        (lambda Z: np.tile([0.2, 0.8], (len(Z), 1)), False),
        (lambda Z: np.eye(3)[curve(Z).argmax(axis=1)], False),
    ],
    ids=["smooth", "steps", "small steps", "constant", "labels"],
)
def test_smooth_models_are_told_from_steps(predict: Any, smooth: bool) -> None:
    X = np.random.default_rng(0).random((100, 5))
    space = Space(np.array([[0.0] * 5, [1.0] * 5]), ())
    answers = Scorer(predict, None, None, (5,), 1000)
    assert is_smooth(answers, Differences.of(space), X, 0) is smooth
    whole = Space(space.bounds, [Constraint("integer")] * 5)
    assert not is_smooth(answers, Differences.of(whole), X, 0)


def test_numbers_of_a_mixed_table_are_refined_and_its_words_stay_allowed() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.random((60, 3)), rng.integers(0, 3, 60)])
    kinds = (Constraint(), Constraint(), Constraint(monotone=1), Constraint("category", ("a", "b", "c")))
    bounds = np.array([[0.0, 0, 0, 0], [1.0, 1, 1, 2]])

    def predict(Z: Array) -> Array:
        lead = 3 * Z[:, 0] + 2 * Z[:, 1] ** 2 + 3 * Z[:, 2] + np.array([-1.0, 0.5, 0.0])[Z[:, 3].astype(int)] - 4
        return softmax(np.column_stack([np.zeros(len(Z)), lead]))

    y = predict(X).argmax(axis=1)
    told = {}
    for search in ("automatic", "coordinate"):
        finding = cem(predict, X, y, bounds, kinds, n_samples=60, noise=0.0, mode="PN", search=search)  # type: ignore[arg-type]  # one of a list
        told[search] = finding.tables["samples"]["pn_objective"].to_numpy()
        points, origins = finding.arrays["pn"], finding.arrays["original"]
        assert (points[:, 2] >= origins[:, 2]).all()
        assert set(points[:, 3]) <= {0.0, 1.0, 2.0}
        assert finding.values["validity"] == 1.0
    assert (told["automatic"] <= told["coordinate"] + 1e-9)[np.isfinite(told["coordinate"])].all()
    # both refine what they found at last, so that little is left to gain
    assert np.nanmedian(told["automatic"] / told["coordinate"]) < 1.0


def test_slopes_of_many_columns_take_no_more_memory_than_the_rows_allowed() -> None:
    d, rows = 2000, 64
    bounds = np.array([np.zeros(d), np.ones(d)])
    answers = Scorer(lambda Z: softmax(Z[:, :2]), None, None, (d,), rows, Differences.of(Space(bounds, ())))
    X = np.random.default_rng(0).random((2, d))
    tracemalloc.start()
    found = answers.slope(X, np.zeros(2, dtype=int), np.ones(2, dtype=int))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[:, :2] == pytest.approx(np.array([[1.0, -1.0]] * 2), abs=1e-6)
    assert (found[:, 2:] == 0).all()
    assert peak < 16 * rows * d * 8, "all at once would be 8000 rows"


def test_cancel_lands_while_slopes_are_asked_for(network: MLPClassifier, cancer: Tables) -> None:
    notes: list[str] = []

    class Stop:
        """A step that cancels once slopes are walked along."""

        def __call__(self, *news: Any) -> None:
            notes.append(news[1])
            if "towards each rival" in notes[-1]:
                raise Cancelled(notes[-1])

        def part(self, *_: float) -> "Stop":
            return self

    X, y = cancer
    bounds = np.array([X.min(axis=0), X.max(axis=0)])
    with pytest.raises(Cancelled):
        cem(network.predict_proba, X, y, bounds, n_samples=5, noise=0.0, step=Stop())  # type: ignore[arg-type]  # it has only what cem calls
    assert any("taking back" in note for note in notes)
