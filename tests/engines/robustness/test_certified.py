"""Certificates against brute force, closed forms, dense grids and the attack: never too large."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.engines.robustness.cells import in_cells
from tests.models.test_carried_trees import KINDS
from xrai_widgets.core import Array, Constraint, Finding, NotApplicable, Subject
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.core.step import quiet
from xrai_widgets.engines._leaves import Leaves, nearest_other_leaf
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.certified import certified
from xrai_widgets.engines.robustness.certified.crown import certified_radius, margins
from xrai_widgets.engines.robustness.certified.planes import distance_to_planes
from xrai_widgets.runtime import run

_SINGLE = 1e-7  # float32 in [0, 1]: within what the splits that the cells are made of are given
every_kind = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "extra trees"])


def _plane(n: int = 260, classes: int = 2, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 2))
    y = (np.floor(2.2 * X[:, 0]) + np.floor(2.2 * X[:, 1])).astype(int) % classes
    return X, np.where(rng.random(n) < 0.1, (y + 1) % classes, y)


def _asked(subject: Subject, **words: Any) -> Finding:
    assert subject.bounds is not None
    names = ("linear", "trees", "layers", "gradient", "regions", "thresholds", "decide", "constraints", "naming")
    inside = {name: getattr(subject, name) for name in names}
    return certified(subject.predict, subject.X, subject.y, subject.bounds, **inside, **words)


@every_kind
@pytest.mark.parametrize("classes", [2, 3])
def test_in_a_plane_the_certified_distance_is_that_of_the_nearest_cell_with_another_label(
    kind: str, classes: int
) -> None:
    X, y = _plane(classes=classes)
    model = KINDS[kind]().fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:])
    table = _asked(subject, attack=False, n_samples=60).tables["samples"]
    right = (table["status"] != "answered wrongly before").to_numpy()
    expected = in_cells(subject, "linf")[right]
    low = table["distance_lower"].to_numpy()[right]
    assert right.sum() > 20
    assert (low <= expected + _SINGLE).all()
    np.testing.assert_allclose(low, expected, rtol=0, atol=_SINGLE)  # two columns: all combinations are looked at


def test_nodes_that_a_library_has_cut_off_are_no_leaves() -> None:
    xgboost = pytest.importorskip("xgboost")
    X, y = _plane()
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=5, gamma=2.0, tree_method="exact", n_jobs=1)
    subject = Subject.of(model.fit(X[:200], y[:200]), X[200:], y[200:])
    assert subject.trees is not None
    inner = subject.trees.feature >= 0
    passed = np.r_[subject.trees.left[inner], subject.trees.right[inner], subject.trees.roots]
    assert len(passed) < len(subject.trees.feature), "nothing was cut off: the test would say nothing"
    table = _asked(subject, attack=False, n_samples=60).tables["samples"]
    right = (table["status"] != "answered wrongly before").to_numpy()
    np.testing.assert_allclose(table["distance_lower"][right], in_cells(subject, "linf")[right], rtol=0, atol=_SINGLE)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_single_tree_is_exact_in_both_norms(norm: Any) -> None:
    X, y = _plane()
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200]), X[200:], y[200:])
    finding = _asked(subject, attack=False, n_samples=60, norm=norm)
    table = finding.tables["samples"]
    right = (table["status"] == "exact").to_numpy()
    np.testing.assert_allclose(table["distance_lower"][right], in_cells(subject, norm)[right], rtol=0, atol=_SINGLE)
    assert finding.bounds["certified_accuracy"] == "exact"


def _mixed(seed: int = 0) -> tuple[pd.DataFrame, Array]:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "shape": rng.choice(["ball", "cone", "cube"], 400),
            "size": rng.integers(0, 7, 400),
            "weight": rng.integers(0, 6, 400),
        }
    )
    score = (table["shape"] == "cone") * 2.0 + table["size"] - 0.8 * table["weight"] + rng.normal(size=400)
    return table, (score > 1.5).astype(int).to_numpy()


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), RandomForestClassifier(15, random_state=0)])
@pytest.mark.parametrize(
    "limits",
    [{}, {"size": Constraint(immutable=True)}, {"size": Constraint(monotone=1), "shape": Constraint(immutable=True)}],
    ids=["free", "one immutable", "one rises, one immutable"],
)
def test_whole_numbers_and_categories_are_counted_as_they_may_be(model: Any, limits: dict[str, Constraint]) -> None:
    table, y = _mixed()
    before = make_column_transformer((OneHotEncoder(), ["shape"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, model).fit(table[:300], y[:300])
    subject = Subject.of(model, table[300:], y[300:], constraints=limits)
    assert subject.bounds is not None
    space = Space(subject.bounds, subject.constraints)
    every = np.array(list(itertools.product(range(3), range(7), range(6))), dtype=float)
    label = subject.predict(every).argmax(axis=1)
    found = _asked(subject, attack=False, n_samples=100).tables["samples"]
    mine, low = subject.predict(subject.X).argmax(axis=1), found["distance_lower"].to_numpy()
    for i in np.flatnonzero(mine == subject.y):
        x = subject.X[i]
        may = np.ones(len(every), dtype=bool)
        for column, kind in enumerate(subject.constraints):
            if kind.immutable:
                may &= every[:, column] == x[column]
            if kind.monotone > 0:
                may &= every[:, column] >= x[column]
        far = space.distance(every, np.repeat(x[None], len(every), axis=0), "linf")
        exact = far[may & (label != mine[i])].min(initial=np.inf)
        assert low[i] == pytest.approx(exact, rel=1e-9), (i, low[i], exact)


def test_a_linear_models_distance_is_the_margin_over_the_dual_norm_of_its_weights() -> None:
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(3, 4)), rng.normal(size=3)
    X = rng.normal(size=(40, 4))
    scores = X @ weights.T + bias
    labels = scores.argmax(axis=1)
    wide = np.array([[-1e3] * 4, [1e3] * 4])
    for norm, order in (("linf", 1), ("l2", 2)):
        reach = Reach.of(Space(wide, (), "raw"), X, norm)  # type: ignore[arg-type]  # both are norms
        expected = [
            min(
                (scores[i, c] - scores[i, j]) / np.linalg.norm(weights[c] - weights[j], order)
                for j in range(3)
                if j != c
            )
            for i, c in enumerate(labels)
        ]
        np.testing.assert_allclose(distance_to_planes(weights, bias, reach, labels, 1e-12), expected, rtol=1e-7)


def test_a_linear_models_distance_counts_ranges_whole_numbers_and_immutable_columns() -> None:
    weights, bias = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), np.array([0.0, -4.5])
    bounds = np.array([[0.0, 0.0, 0.0], [10.0, 1.0, 10.0]])
    kinds = (Constraint("integer"), Constraint(), Constraint(immutable=True))
    reach = Reach.of(Space(bounds, kinds, "raw"), np.array([[1.0, 0.5, 0.0]]), "linf")
    # the second may rise by 0.5 only, the third not at all: 2.5 is lacking, which three whole steps of the first give
    assert distance_to_planes(weights, bias, reach, np.array([0]), 1e-12) == pytest.approx(3.0)


def _network(widths: tuple[int, ...], seed: int = 0) -> Layers:
    rng = np.random.default_rng(seed)
    weights = tuple(rng.normal(size=(a, b)) / np.sqrt(a) for a, b in itertools.pairwise(widths))
    return Layers(weights, tuple(0.2 * rng.normal(size=b) for b in widths[1:]), "relu")


def _outputs(layers: Layers, X: Array) -> Array:
    for number, (weight, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        X = (np.maximum(X, 0) if number else X) @ weight + bias
    return X


@pytest.mark.parametrize("widths", [(2, 8, 3), (2, 10, 10, 2), (2, 6, 6, 6, 4)])
def test_crown_is_below_every_point_of_a_dense_grid_and_not_far_below(widths: tuple[int, ...]) -> None:
    layers, rng = _network(widths), np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(30, 2))
    labels = _outputs(layers, X).argmax(axis=1)
    offsets = np.linspace(-1, 1, 61)
    grid = np.array(list(itertools.product(offsets, offsets)))
    for radius in (0.01, 0.1, 0.4):
        bound = margins(layers, X - radius, X + radius, labels)
        for i, x in enumerate(X):
            out = _outputs(layers, x + radius * grid)
            others = np.delete(out, labels[i], axis=1).max(axis=1)
            smallest = (out[:, labels[i]] - others).min()
            assert bound[i] <= smallest + 1e-9
            if radius == 0.01:
                assert bound[i] >= smallest - 0.05


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (-3.0, 1.0), (0.5, 2.0), (-2.0, -0.5)])
def test_crown_bounds_a_single_unit_by_the_lines_of_the_paper(low: float, high: float) -> None:
    layers = Layers((np.ones((1, 1)), np.array([[0.0, 1.0]])), (np.zeros(1), np.array([10.0, 0.0])), "relu")
    box = np.array([[low]]), np.array([[high]])
    above = margins(layers, *box, np.array([0]))[0]  # 10 − relu(x), whose upper line meets it at both ends
    assert above == pytest.approx(10.0 - max(high, 0.0), abs=1e-6)
    below = margins(layers, *box, np.array([1]))[0]  # relu(x) − 10, whose lower line is x where most of the range is
    expected = low if high > -low else 0.0
    assert below == pytest.approx(expected - 10.0, abs=1e-6)


def test_crowns_radius_holds_the_label_and_is_no_smaller_than_that_of_intervals() -> None:
    layers, rng = _network((6, 16, 16, 4)), np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(25, 6))
    labels = _outputs(layers, X).argmax(axis=1)
    reach = Reach.of(Space(np.array([[-3.0] * 6, [3.0] * 6]), (), "raw"), X, "linf")
    radius = certified_radius(layers, reach, labels)
    assert (radius > 0).mean() > 0.9
    for i, x in enumerate(X):
        moved = x + radius[i] * np.sign(rng.normal(size=(3000, 6)))
        assert (_outputs(layers, moved).argmax(axis=1) == labels[i]).all()
    by_intervals = _intervals(layers, X, 0.9 * radius, labels)
    assert (by_intervals <= margins(layers, X - 0.9 * radius[:, None], X + 0.9 * radius[:, None], labels) + 1e-9).all()


def _intervals(layers: Layers, X: Array, radius: Array, labels: Array) -> Array:
    low, high = X - radius[:, None], X + radius[:, None]
    for number, (weight, bias) in enumerate(zip(layers.weights[:-1], layers.biases[:-1], strict=True)):
        centre, half = (low + high) / 2 @ weight + bias, (high - low) / 2 @ np.abs(weight)
        low, high = np.maximum(centre - half, 0), np.maximum(centre + half, 0)
        assert number < len(layers.weights)
    bound = np.full(len(X), np.inf)
    for i, c in enumerate(labels):
        for j in range(layers.weights[-1].shape[1]):
            if j != c:
                w = layers.weights[-1][:, c] - layers.weights[-1][:, j]
                centre, half = (low[i] + high[i]) / 2 @ w, (high[i] - low[i]) / 2 @ np.abs(w)
                bound[i] = min(bound[i], centre - half + layers.biases[-1][c] - layers.biases[-1][j])
    return bound


def _flipped(trees: Trees) -> Trees:
    return replace(trees, left=trees.right, right=trees.left)


def _without_a_split(trees: Trees) -> Trees:
    threshold = trees.threshold.copy()
    threshold[0] = np.inf
    return replace(trees, threshold=threshold)


@pytest.mark.parametrize("mutant", [_flipped, _without_a_split])
def test_a_wrong_reading_of_a_tree_is_seen_by_brute_force(mutant: Callable[[Trees], Trees]) -> None:
    X, y = _plane()
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200]), X[200:], y[200:])
    assert subject.trees is not None
    wrong = replace(subject, trees=mutant(subject.trees))
    table = _asked(wrong, attack=False, n_samples=60).tables["samples"]
    right = (table["status"] != "answered wrongly before").to_numpy()
    assert not np.allclose(table["distance_lower"][right], in_cells(subject, "linf")[right])


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(30, random_state=0), GradientBoostingClassifier(random_state=0)]
)
def test_no_random_point_inside_a_certified_box_changes_the_label(model: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    subject = Subject.of(model.fit(X[:220], y[:220]), X[220:], y[220:])
    assert subject.bounds is not None
    table = _asked(subject, n_samples=20, max_iter=2, effort=20_000).tables["samples"]
    both = table.dropna(subset=["distance_upper"])
    assert (both["distance_lower"] <= both["distance_upper"] * (1 + 1e-9)).all()
    span = subject.bounds[1] - subject.bounds[0]
    for _, row in table[table["distance_lower"] > 0].iterrows():
        x = subject.X[int(row["id"])]
        moved = x + 0.9999 * row["distance_lower"] * span * rng.uniform(-1, 1, size=(2000, 8))
        moved = np.clip(moved, *subject.bounds)
        assert (subject.predict(moved).argmax(axis=1) == subject.predict(x[None]).argmax()).all()


def test_more_effort_gives_no_smaller_distances() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    subject = Subject.of(RandomForestClassifier(30, random_state=0).fit(X[:220], y[:220]), X[220:], y[220:])
    low = [
        _asked(subject, n_samples=20, attack=False, effort=effort).tables["samples"]["distance_lower"].to_numpy()
        for effort in (1, 1000, 300_000)
    ]
    assert (low[0] <= low[1] + 1e-12)[~np.isnan(low[0])].all()
    assert (low[1] <= low[2] + 1e-12)[~np.isnan(low[0])].all()
    assert np.nanmean(low[2]) > np.nanmean(low[0])


def test_at_its_distance_a_sample_does_not_count_any_more() -> None:
    X, y = _plane()
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200]), X[200:], y[200:])
    low = _asked(subject, attack=False, n_samples=60).tables["samples"]["distance_lower"]
    at = float(low.dropna().median())
    at = float(low.dropna().iloc[(low.dropna() - at).abs().argmin()])
    for size, standing in ((at, (low > at).sum()), (np.nextafter(at, 0), (low >= at).sum())):
        finding = _asked(subject, attack=False, n_samples=60, epsilon=float(size), epsilons=(float(size),))
        assert finding.values["certified_accuracy"] == pytest.approx(standing / 60)
        assert finding.tables["at_sizes"]["certified_accuracy"].item() == pytest.approx(standing / 60)


@pytest.mark.parametrize("sizes", [(0.2, 0.1), (0.1, 0.1), (-0.1, 0.2)])
def test_sizes_that_do_not_rise_or_are_negative_are_refused(sizes: tuple[float, ...]) -> None:
    X, y = _plane()
    subject = Subject.of(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match="epsilons must"):
        _asked(subject, epsilons=sizes)


def test_what_no_certificate_reads_is_refused_with_what_serves_instead() -> None:
    X, y = _plane()
    tanh = Subject.of(MLPClassifier((4,), activation="tanh", max_iter=3000, tol=1e-2).fit(X, y), X, y)
    with pytest.raises(NotApplicable, match="'tanh'"):
        _asked(tanh)
    nothing = Subject.of(lambda rows: np.column_stack([rows[:, 0], 1 - rows[:, 0]]), X, y)
    with pytest.raises(NotApplicable, match="linear models; single trees") as caught:
        _asked(nothing)
    assert "robustness.evasion" in str(caught.value.instead)
    forest = Subject.of(RandomForestClassifier(3, random_state=0).fit(X, y), X, y)
    with pytest.raises(NotApplicable, match="largest change"):
        _asked(forest, norm="l2")


def test_leaves_of_a_tree_hold_every_float_once() -> None:
    X, y = _plane()
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200]), X[200:], y[200:])
    assert subject.bounds is not None
    assert subject.trees is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    leaves = Leaves.of(subject.trees, reach, 1.0)
    cuts = [np.r_[c, np.nextafter(c, 9)] for c in (subject.trees.threshold[subject.trees.feature == f] for f in (0, 1))]
    for x in itertools.product(*cuts):
        assert ((leaves.low <= x) & (leaves.high >= x)).all(axis=1).sum() == 1
    assert (nearest_other_leaf(leaves, reach, np.full(len(subject.X), 7), quiet) == 0).all()


def test_evasion_says_how_far_the_largest_change_of_a_feature_is_in_either_norm() -> None:
    X, y = _plane()
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200]), X[200:], y[200:])
    assert subject.bounds is not None
    span = subject.bounds[1] - subject.bounds[0]
    lower = _asked(subject, attack=False, n_samples=20).tables["samples"]["distance_lower"]
    for norm in ("l2", "linf"):
        outcome = run(subject, "robustness.evasion", {"n_samples": 20, "norm": norm, "max_iter": 1}, strict=True)
        assert outcome.finding is not None
        table, arrays = outcome.finding.tables["samples"], outcome.finding.arrays
        change = np.abs(arrays["nearest"] - subject.X[arrays["index"]]) / span
        seen = (table["status"] == "found").to_numpy()
        np.testing.assert_allclose(table["distance_linf"][seen], change.max(axis=1)[seen])
        assert (lower[seen] <= table["distance_linf"][seen] + 1e-9).all()  # joined on the same samples
        assert table["distance_linf"][~seen].isna().all()


def test_samples_that_lack_numbers_count_as_not_certified() -> None:
    rng = np.random.default_rng(0)
    X, y = _plane()
    X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    subject = Subject.of(KINDS["histograms"]().fit(X[:200], y[:200]), X[200:], y[200:])
    finding = _asked(subject, n_samples=60, max_iter=1)
    table = finding.tables["samples"]
    gone = np.isnan(subject.X).any(axis=1) & (table["status"] != "answered wrongly before").to_numpy()
    assert gone.sum() > 5
    assert (table["distance_lower"][gone] == 0).all()
    assert (table["distance_lower"][~gone].dropna() > 0).any()
    assert any(f"{gone.sum()} of them lack numbers" in note for note in finding.notes)
