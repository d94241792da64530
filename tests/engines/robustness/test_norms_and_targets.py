"""Distances in the sum and the number of changes against closed forms and brute force; changes towards one class."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._search.planes import cheapest_columns
from xrai_widgets.engines._space import Norm, Space, length
from xrai_widgets.engines.robustness.evasion.target import Aim

pytestmark = pytest.mark.usefixtures("without_controls")
sparse_norms = pytest.mark.parametrize("norm", ["l0", "l1"])


def attack(subject: Subject, **params: Any) -> xw.Finding:
    outcome = xw.assess(subject, "robustness.evasion", strict=True, **{"n_samples": 20, **params})
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def measured(finding: xw.Finding) -> tuple[Array, Array]:
    """Places in X and distances of the samples under attack, infinite where nothing was found."""
    table = finding.tables["samples"]
    table = table[table["status"] != "answered wrongly before"]
    return table["id"].to_numpy(int), table["distance"].fillna(np.inf).to_numpy(float)


@pytest.mark.parametrize("norm", ["l0", "l1", "l2", "linf"])
def test_the_size_of_a_change_is_that_of_numpy(norm: Norm, rng: np.random.Generator) -> None:
    change = rng.normal(size=(6, 5)) * (rng.random((6, 5)) < 0.5)
    order = {"l0": 0, "l1": 1, "l2": 2, "linf": np.inf}[norm]
    assert length(change, norm) == pytest.approx(np.linalg.norm(change, ord=order, axis=1))
    space = Space(np.array([[0.0] * 5, [2.0] * 5]), ())
    assert space.distance(1 + change, np.ones((6, 5)), norm) == pytest.approx(
        np.linalg.norm(change / 2, ord=order, axis=1)
    )


def cases(count: int, d: int) -> list[tuple[Array, float, Array, Array]]:
    rng = np.random.default_rng(d)
    return [(rng.normal(size=d), rng.uniform(0, 2), -rng.random(d), rng.random(d)) for _ in range(count)]


def test_the_cheapest_crossing_in_the_sum_is_that_of_a_linear_programme() -> None:
    for normal, need, low, high in cases(40, 5):
        change, reached = cheapest_columns(normal[None], np.array([need]), low[None], high[None], "l1")
        both = np.r_[normal, -normal]  # of rises and falls
        best = linprog(np.ones(10), -both[None], [-need], bounds=[(0, h) for h in high] + [(0, -b) for b in low])
        assert reached[0] == (best.status == 0)
        if reached[0]:
            assert normal @ change[0] == pytest.approx(need)
            assert np.abs(change[0]).sum() == pytest.approx(best.fun)
            assert ((low - 1e-12 <= change[0]) & (change[0] <= high + 1e-12)).all()


def test_the_fewest_columns_that_cross_are_those_of_all_subsets() -> None:
    for normal, need, low, high in cases(40, 5):
        change, reached = cheapest_columns(normal[None], np.array([need]), low[None], high[None], "l0")
        gains = np.maximum(normal * low, normal * high)
        sizes = [
            len(part) for n in range(6) for part in itertools.combinations(range(5), n) if gains[[*part]].sum() >= need
        ]
        assert reached[0] == bool(sizes)
        if reached[0]:
            assert normal @ change[0] >= need - 1e-9
            assert (change[0] != 0).sum() == min(sizes)
            assert ((low - 1e-12 <= change[0]) & (change[0] <= high + 1e-12)).all()


@sparse_norms
def test_a_linear_model_is_exact_in_the_sum_and_in_the_number_of_changes(norm: str) -> None:
    X, y = make_classification(
        300, 5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=3
    )
    model = LogisticRegression().fit(X, y)
    subject = Subject.of(model, X, y)
    finding = attack(subject, norm=norm, epsilon=1.0)
    assert finding.bounds["robust_accuracy"] == "exact"
    index, distance = measured(finding)
    assert subject.bounds is not None
    low, high = subject.bounds
    span = high - low
    for row, got in zip(index, distance, strict=True):
        x, label = X[row], model.predict(X[[row]])[0]
        scores = model.coef_ @ x + model.intercept_
        best = np.inf
        for rival in set(range(3)) - {label}:
            normal, need = (model.coef_[rival] - model.coef_[label]) * span, scores[label] - scores[rival]
            room = np.where(normal > 0, (high - x) / span, (x - low) / span)
            if norm == "l0":
                gains = np.sort(np.abs(normal) * room)[::-1].cumsum()
                best = min(best, np.inf if gains[-1] < need else 1 + (gains < need).sum())
            else:
                found = linprog(np.ones(5), -np.abs(normal)[None], [-need], bounds=[(0, r) for r in room])
                best = min(best, found.fun if found.status == 0 else np.inf)
        assert got == pytest.approx(best, rel=1e-3)


@sparse_norms
def test_a_single_tree_is_exact_in_the_sum_and_in_the_number_of_changes(norm: str) -> None:
    X, y = make_classification(200, 4, n_informative=4, n_redundant=0, random_state=1)
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X, y)
    subject = Subject.of(model, X, y)
    index, distance = measured(attack(subject, norm=norm, epsilon=1.0))
    assert subject.regions is not None
    assert subject.bounds is not None
    low, high = subject.bounds
    first, last = np.maximum(subject.regions[0], low), np.minimum(subject.regions[1], high)
    labels = model.predict((first + last) / 2)
    for row, got in zip(index, distance, strict=True):
        change = (np.clip(X[row], first, last) - X[row]) / (high - low)
        size = (np.abs(change) > 1e-9).sum(axis=1) if norm == "l0" else np.abs(change).sum(axis=1)
        assert got == pytest.approx(size[labels != model.predict(X[[row]])[0]].min(), abs=1e-4)


@sparse_norms
def test_on_a_network_nothing_within_the_distance_of_two_columns_changes_the_label(norm: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    y = (X[:, 0] + 0.4 * np.sin(6 * X[:, 1]) > 0.6).astype(int)
    model = MLPClassifier((16,), solver="lbfgs", max_iter=3000, random_state=0).fit(X, y)
    subject = Subject.of(model, X, y, bounds=(0.0, 1.0))
    index, distance = measured(attack(subject, norm=norm, epsilon=1.0))
    axis = np.linspace(0, 1, 201)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    labels = model.predict(points)
    for row, got in zip(index, distance, strict=True):
        other = labels != model.predict(X[[row]])[0]
        truth = np.abs(points - X[row])[other].sum(axis=1).min()
        if norm == "l0":
            lines = np.vstack(
                [np.column_stack([axis, np.full(201, X[row, 1])]), np.column_stack([np.full(201, X[row, 0]), axis])]
            )
            truth = 1 if (model.predict(lines) != model.predict(X[[row]])[0]).any() else 2
        assert got <= truth * 1.02 + 1e-3
        assert got >= truth - 0.011


def test_pulling_takes_the_smallest_changes_back_that_are_not_needed() -> None:
    space = Space(np.array([[0.0] * 6, [1.0] * 6]), ())
    samples = np.zeros((3, 6))
    weights = np.array([5.0, 4.0, 3.0, 1.0, 1.0, 1.0])

    def predict(X: Array) -> Array:
        return np.eye(2)[(X @ weights > 6.5).astype(int)]

    problem = Problem(predict, space, samples, np.zeros(3, dtype=int), np.arange(3), (6,), "l0", 1000)
    points = np.array([[1.0, 0.9, 0.8, 0.3, 0.2, 0.1]] * 3)
    pulled = problem.pull(points, np.arange(3), 1e-5)
    assert problem.adversarial(pulled, np.arange(3)).all()
    assert (problem.distances(pulled, np.arange(3)) == 2).all()
    assert np.isin(pulled, [*points[0], 0.0]).all()


@pytest.fixture(scope="module")
def three() -> Subject:
    X, y = make_classification(
        300, 5, n_informative=5, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=3
    )
    names = np.array(["a", "b", "c"])[y]
    return Subject.of(LogisticRegression().fit(X, names), X, names, bounds=(X.min(0) - 50.0, X.max(0) + 50.0))


def nearest_of(model: Any, x: Array, target: int) -> float:
    """Distance to where one score is the largest: the smallest of the projections on some of its planes that holds."""
    scores = model.coef_ @ x + model.intercept_
    others = [j for j in range(3) if j != target]
    normals = np.stack([model.coef_[target] - model.coef_[j] for j in others])
    needs = np.array([scores[j] - scores[target] for j in others])
    best = 0.0 if (needs <= 0).all() else np.inf
    for part in ([0], [1], [0, 1]):
        change = np.linalg.pinv(normals[part]) @ needs[part]
        if (normals @ change >= needs - 1e-9).all():
            best = min(best, float(np.linalg.norm(change)))
    return best


@pytest.mark.parametrize("name", ["strongest", "hop_skip_jump"])
def test_a_change_towards_one_class_of_a_linear_model_is_as_small_as_it_can_be(three: Subject, name: str) -> None:
    finding = attack(three, target="c", attack=name, scale="raw", n_samples=15)
    model: Any = three.model
    table = finding.tables["samples"]
    assert (table["class"] != "c").all()
    assert set(table.loc[table["status"] == "found", "becomes"]) == {"c"}
    index, distance = measured(finding)
    truth = np.array([nearest_of(model, three.X[row], 2) for row in index])
    assert (distance >= truth * (1 - 1e-6)).all()
    assert (distance <= truth * 1.05).all()  # where two planes meet, slopes lead along one of them
    assert np.median(distance / truth) < 1.01
    nearest = finding.arrays["nearest"]
    assert (model.predict(nearest[~np.isnan(nearest).any(axis=1)]) == "c").all()
    anywhere = dict(zip(*measured(attack(three, scale="raw", n_samples=300)), strict=True))
    assert all(far >= anywhere[row] * (1 - 1e-3) for row, far in zip(index, distance, strict=True))


def test_of_two_classes_the_one_aimed_at_is_the_other_and_exact() -> None:
    X, y = make_classification(200, 4, n_informative=4, n_redundant=0, random_state=1)
    subject = Subject.of(LogisticRegression().fit(X, np.array(["no", "yes"])[y]), X, np.array(["no", "yes"])[y])
    aimed = attack(subject, target="yes", n_samples=200)
    plain = dict(zip(*measured(attack(subject, n_samples=200)), strict=True))
    assert aimed.bounds["robust_accuracy"] == "exact"
    for row, distance in zip(*measured(aimed), strict=True):
        assert distance == pytest.approx(plain[row], rel=1e-6)
    assert aimed.counts["accuracy"] == (y == 0).sum()
    assert any("aims at the class yes" in note for note in aimed.notes)


def test_a_class_that_is_none_is_refused_with_those_that_are(three: Subject) -> None:
    outcome = xw.assess(three, "robustness.evasion", target="d")
    assert outcome.status == "error"
    assert "one of the classes 'a', 'b', 'c', got 'd'" in outcome.reason


def test_of_two_classes_made_of_several_the_slopes_are_those_of_differences(three: Subject) -> None:
    aim = Aim(three.predict, 1)
    slopes, logit_slopes = aim.slopes(three.gradient), aim.logit_slopes(three.logit_gradient)
    assert slopes is not None
    rng = np.random.default_rng(0)
    X, step = three.X[:12] + 0.01 * rng.normal(size=(12, 5)), 1e-5
    for label in (0, 1):
        y = np.full(12, label)
        loss = lambda Z, y=y: -np.log(aim.scores(Z)[np.arange(len(Z)), y])  # noqa: E731 - of one label
        for column in range(5):
            ahead, back = (X + sign * step * np.eye(5)[column] for sign in (1, -1))
            slope = (loss(ahead) - loss(back)) / (2 * step)
            assert slopes(X, y)[:, column] == pytest.approx(slope, rel=1e-3, abs=1e-6)
    assert logit_slopes is not None
    V = rng.normal(size=(12, 2))
    V -= V.mean(axis=1, keepdims=True)
    total = lambda Z: (np.log(aim.scores(Z)) * V).sum(axis=1)  # noqa: E731
    for column in range(5):
        ahead, back = (X + sign * step * np.eye(5)[column] for sign in (1, -1))
        assert logit_slopes(X, V)[:, column] == pytest.approx(
            (total(ahead) - total(back)) / (2 * step), rel=1e-3, abs=1e-6
        )


def test_a_tie_goes_to_the_class_that_the_model_itself_gives_it() -> None:
    scores = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [0.5, 0.25, 0.25]])
    for target in range(3):
        aim = Aim(lambda X: X, target)
        assert np.array_equal(aim.scores(scores).argmax(axis=1) == 1, scores.argmax(axis=1) == target)


@pytest.mark.parametrize("name", ["deepfool", "jsma"])
def test_attacks_of_art_stop_at_the_boundary_and_within_the_ranges(name: str) -> None:
    X, y = make_classification(200, 5, n_informative=5, n_redundant=0, random_state=1)
    subject = Subject.of(LogisticRegression().fit(X, y), X, y)
    finding = attack(subject, attack=name, n_samples=5)
    assert finding.bounds == {}
    assert any("ran through ART" in note for note in finding.notes)
    check_stops_at_the_boundary(subject, finding)
    exact = dict(zip(*measured(attack(subject, n_samples=200)), strict=True))
    index, distance = measured(finding)
    found = np.isfinite(distance)
    assert found.sum() >= 3
    ratio = distance[found] / np.array([exact[row] for row in index[found]])
    assert ratio.min() >= 1 - 1e-6
    if name == "deepfool":
        assert np.median(ratio) < 1.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["carlini_wagner", "boundary", "zoo", "sign_opt"])
def test_slow_attacks_of_art_stop_at_the_boundary_and_within_the_ranges(name: str, three: Subject) -> None:
    subject = replace(three, bounds=np.array([three.X.min(axis=0), three.X.max(axis=0)]))
    finding = attack(subject, attack=name, n_samples=4)
    check_stops_at_the_boundary(subject, finding)
    assert finding.values["found_share"] > 0


def check_stops_at_the_boundary(subject: Subject, finding: xw.Finding) -> None:
    nearest, rows = finding.arrays["nearest"], finding.arrays["index"]
    found = ~np.isnan(nearest).any(axis=1)
    changed, before = nearest[found], subject.X[rows[found]]
    assert subject.bounds is not None
    assert ((subject.bounds[0] <= changed) & (changed <= subject.bounds[1])).all()
    labels = subject.predict(before).argmax(axis=1)
    assert (subject.predict(changed).argmax(axis=1) != labels).all()
    assert (subject.predict(before + 0.999 * (changed - before)).argmax(axis=1) == labels).all()


def test_attacks_of_art_are_made_for_classifiers() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 3))
    subject = Subject.of(lambda rows: rows.sum(axis=1), X, X.sum(axis=1), task="regression")
    outcome = xw.assess(subject, "robustness.evasion", attack="sign_opt", tolerance=0.2)
    assert (outcome.status, outcome.instead) == ("not applicable", "attack='strongest'")
    assert "is made for classifiers" in outcome.reason
