"""Gaps that may be filled, and exact forms sample by sample: against enumeration and closed forms."""

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import xrai_widgets as xw
from xrai_widgets.core import Constraint, Subject
from xrai_widgets.core.subject import Array
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._search.boxes import negative_box
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness import evasion

pytestmark = pytest.mark.usefixtures("without_controls")

RNG = np.random.default_rng(11)
TINY = 1e-5  # beyond a threshold: models compare in float32
FILL = {name: {"fillable": True} for name in ("x0", "x1", "x2")}


def table(n: int = 300) -> tuple[Array, Array, Array]:
    """Return X in the unit cube with gaps that tell something, labels and values; x1 holds eleven numbers."""
    rng = np.random.default_rng(5)
    X = rng.random((n, 3))
    X[:, 1] = rng.integers(0, 11, n) / 10
    X[rng.random((n, 3)) < 0.25] = np.nan
    value = np.where(np.isnan(X), 0.55, X) @ [1.0, 0.8, -0.7] + 0.35 * np.isnan(X[:, 2])
    return X, (value > np.median(value)).astype(int), value


def cuts_of(model: Any) -> list[Array]:
    """Return the thresholds of each column, read off the model's own trees."""
    if hasattr(model, "tree_"):
        pairs = [(model.tree_.feature, model.tree_.threshold)]
    else:
        nodes = [tree.nodes[tree.nodes["is_leaf"] == 0] for stage in model._predictors for tree in stage]
        pairs = [(node["feature_idx"], node["num_threshold"]) for node in nodes]
    return [np.unique(np.concatenate([cuts[feature == c] for feature, cuts in pairs])) for c in range(3)]


def by_enumeration(model: Any, sample: Array, norm: str, fill: bool, turned: Any = None) -> float:
    """Return the distance to the nearest other answer: every cell between thresholds, and every gap kept or filled."""
    axes = []
    for value, cuts in zip(sample, cuts_of(model), strict=True):
        ends = np.r_[0.0, cuts, 1.0]
        if np.isnan(value):
            axes.append(np.r_[np.nan, (ends[1:] + ends[:-1]) / 2] if fill else np.array([np.nan]))
        else:
            axes.append(np.r_[value, cuts[cuts >= value] + TINY, cuts[cuts < value] - TINY])
    points = np.array(list(itertools.product(*axes)))
    there = np.nan_to_num(points, nan=0.5)
    points = points[((there >= 0) & (there <= 1)).all(axis=1)]
    outputs = model.predict(points)
    turned = turned or (lambda answers: answers != model.predict(sample[None])[0])
    points = points[turned(outputs)]
    if not len(points):
        return np.inf
    gone = np.isnan(sample)
    change = np.where(gone, ~np.isnan(points), np.abs(points - np.nan_to_num(sample))).astype(float)
    return float((np.linalg.norm(change, axis=1) if norm == "l2" else change.max(axis=1)).min())


def distances(outcome: Any) -> Array:
    found: Array = outcome.finding.tables["samples"]["distance"].fillna(np.inf).to_numpy()
    return found


def trees(kind: str, depth: int) -> Any:
    """Return one tree, or a few, to be fitted."""
    if kind == "tree":
        return DecisionTreeClassifier(max_depth=depth, random_state=0)
    return HistGradientBoostingClassifier(max_iter=3, max_depth=3, min_samples_leaf=10)


@pytest.mark.parametrize("fill", [False, True], ids=["held", "filled"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("kind", ["tree", "boosting"])
def test_distances_are_those_of_all_cells_of_trees_with_every_gap_kept_or_filled(
    kind: str, norm: str, fill: bool
) -> None:
    X, y, _ = table()
    model = trees(kind, 5).fit(X, y)
    subject = Subject.of(model, X[:80], model.predict(X[:80]), bounds=(0.0, 1.0), constraints=FILL if fill else None)
    outcome = xw.assess(subject, "robustness.evasion", norm=norm, n_samples=80, strict=True)
    found = distances(outcome)
    wanted = np.array([by_enumeration(model, sample, norm, fill) for sample in subject.X])
    assert np.array_equal(np.isfinite(found), np.isfinite(wanted))
    mask = np.isfinite(wanted)
    assert np.allclose(found[mask], wanted[mask], rtol=0, atol=5 * TINY)
    assert outcome.finding is not None
    assert outcome.finding.bounds == {"robust_accuracy": "exact", "median_distance": "exact"}
    nearest = outcome.finding.arrays["nearest"]
    if kind == "tree":  # from the leaves themselves, not by the searches that would make up for it
        assert set(outcome.finding.tables["samples"]["found_by"][mask]) == {"exact"}
    filled = (np.isnan(subject.X) & ~np.isnan(nearest))[mask]
    assert filled.any() == fill
    assert np.array_equal(model.predict(nearest[mask]) != model.predict(subject.X[mask]), np.ones(mask.sum(), bool))
    gone = int(np.isnan(subject.X).sum())
    said = f"{gone} of these cells may be filled" if fill else "these cells stay missing"
    assert any(said in note for note in outcome.finding.notes)


def test_a_regression_tree_leaves_its_tolerance_by_filling_as_enumerated() -> None:
    X, _, value = table()
    model = DecisionTreeRegressor(max_depth=5, random_state=0).fit(X, value)
    subject = Subject.of(model, X[:60], value[:60], bounds=(0.0, 1.0), constraints=FILL)
    outcome = xw.assess(subject, "robustness.evasion", tolerance=0.4, n_samples=60, strict=True)
    wanted = []
    for sample in subject.X:
        own = model.predict(sample[None])[0]
        wanted.append(by_enumeration(model, sample, "l2", True, lambda told, own=own: np.abs(told - own) > 0.4))
    found, truth = distances(outcome), np.array(wanted)
    assert np.array_equal(np.isfinite(found), np.isfinite(truth))
    assert np.allclose(found[np.isfinite(truth)], truth[np.isfinite(truth)], rtol=0, atol=5 * TINY)


def crossing(weights: Array, lead: Array, sample: Array, fill: bool, mean: Array) -> float:
    """Return the L2 distance to a plane inside the unit cube: any subset of the gaps filled, each at the cost of 1."""
    gone, best = np.flatnonzero(np.isnan(sample)), np.inf
    way = -np.sign(lead)
    for count in range(len(gone) + 1 if fill else 1):
        for chosen in map(list, itertools.combinations(gone, count)):
            gain = sum(max(way * weights[c] * (v - mean[c]) for v in (0.0, 1.0)) for c in chosen)
            need, rest = abs(lead) - gain, np.flatnonzero(~np.isnan(sample))
            if need <= 0:
                best = min(best, np.sqrt(count))
                continue
            slope = way * weights[rest]
            room = np.where(slope > 0, 1 - sample[rest], sample[rest])
            low, high = 0.0, 1e6
            if (np.abs(slope) * room).sum() < need:
                continue
            for _ in range(200):  # the multiplier of the plane
                middle = (low + high) / 2
                size = np.minimum(middle * np.abs(slope), room)
                low, high = (middle, high) if (np.abs(slope) * size).sum() < need else (low, middle)
            best = min(best, float(np.sqrt((np.minimum(high * np.abs(slope), room) ** 2).sum() + count)))
    return best


@pytest.mark.parametrize("task", ["classes", "values"])
def test_linear_models_that_fill_gaps_with_constants_are_exact_in_every_row_that_holds_them(task: str) -> None:
    X, y, value = table()
    final = LogisticRegression() if task == "classes" else LinearRegression()
    model = make_pipeline(SimpleImputer(), final).fit(X, y if task == "classes" else value)
    subject = Subject.of(model, X[:60], model.predict(X[:60]), bounds=(0.0, 1.0))
    assert subject.linear is not None
    mean, weights = model[0].statistics_, model[1].coef_.ravel()
    extra = {} if task == "classes" else {"tolerance": 0.25}
    outcome = xw.assess(subject, "robustness.evasion", n_samples=60, strict=True, **extra)
    whole = np.where(np.isnan(subject.X), mean, subject.X)
    lead = whole @ weights + (model[1].intercept_[0] if task == "classes" else 0.0)
    if task == "classes":
        pairs = zip(lead, subject.X, strict=True)
        wanted = np.array([crossing(weights, one, sample, False, mean) for one, sample in pairs])
    else:  # up or down
        wanted = np.array(
            [min(crossing(weights, way, sample, False, mean) for way in (-0.25, 0.25)) for sample in subject.X]
        )
    found = distances(outcome)
    assert np.isnan(subject.X).any(axis=1).sum() > 20
    assert np.array_equal(np.isfinite(found), np.isfinite(wanted))
    mask = np.isfinite(wanted)
    assert np.allclose(found[mask], wanted[mask], rtol=1e-4)
    assert outcome.finding is not None
    assert set(outcome.finding.bounds.values()) == {"exact"}
    assert set(outcome.finding.tables["samples"]["found_by"][mask]) == {"exact"}


def test_gaps_of_a_linear_model_are_filled_where_that_is_nearer() -> None:
    X, y, _ = table()
    model = make_pipeline(SimpleImputer(), LogisticRegression(C=100)).fit(X, y)
    weights, mean = model[1].coef_[0], model[0].statistics_
    rows = X[np.isnan(X).sum(axis=1) >= 1][:40]
    subject = Subject.of(model, rows, model.predict(rows), bounds=(0.0, 1.0), constraints=FILL)
    outcome = xw.assess(subject, "robustness.evasion", n_samples=40, strict=True)
    lead = np.where(np.isnan(rows), mean, rows) @ weights + model[1].intercept_[0]
    wanted = np.array([crossing(weights, one, sample, True, mean) for one, sample in zip(lead, rows, strict=True)])
    held = np.array([crossing(weights, one, sample, False, mean) for one, sample in zip(lead, rows, strict=True)])
    found = distances(outcome)
    assert (wanted < held).sum() >= 3
    assert outcome.finding is not None
    assert "exact" not in set(outcome.finding.tables["samples"]["found_by"])
    assert np.isfinite(wanted).all()
    assert (found >= wanted * (1 - 1e-6)).all()
    assert (found <= wanted * 1.02).all()


def test_rows_without_gaps_keep_their_exact_distances_beside_rows_whose_gaps_nobody_knows_of() -> None:
    """Boxes given by hand say nothing of missing numbers, and an imputer of neighbours puts no constants."""
    X, y, _ = table()
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
    boxes = Subject.of(model, X[:40], y[:40], bounds=(0.0, 1.0)).regions
    assert boxes is not None
    assert boxes.shape[0] == 3
    bounds = np.array([[0.0] * 3, [1.0] * 3])
    outputs = model.predict(X[:40])
    finding = evasion(model.predict_proba, X[:40], outputs, bounds, regions=boxes[:2], n_samples=40)
    by = finding.tables["samples"]["found_by"].to_numpy()
    gone = np.isnan(X[:40]).any(axis=1)
    turned = (finding.tables["samples"]["status"] == "found").to_numpy()
    assert set(by[~gone & turned]) == {"exact"}
    assert "exact" not in set(by[gone])
    assert finding.bounds == {}
    neighbours = make_pipeline(KNNImputer(n_neighbors=3), LogisticRegression()).fit(X, y)
    weights = np.vstack([np.zeros(3), neighbours[1].coef_]), np.r_[0.0, neighbours[1].intercept_]
    outputs = neighbours.predict(X[:40])
    finding = evasion(neighbours.predict_proba, X[:40], outputs, bounds, linear=weights, n_samples=40)
    by = finding.tables["samples"]["found_by"].to_numpy()
    assert set(by[~gone]) == {"exact"}
    assert "exact" not in set(by[gone])
    assert finding.bounds == {}
    assert (finding.tables["samples"]["status"] == "found").mean() > 0.9


def space(monotone: Any = 0) -> tuple[Array, Space]:
    kinds = (Constraint(fillable=True), Constraint("integer", fillable=True, monotone=monotone), Constraint())
    bounds = np.array([[-1.0, 2.0, 0.0], [1.0, 9.0, 1.0]])
    X = bounds[0] + RNG.random((50, 3)) * (bounds[1] - bounds[0])
    X[:, 1] = np.rint(X[:, 1])
    X[RNG.random((50, 3)) < 0.5] = np.nan
    blanks = Blanks.of(bounds, X)
    assert blanks is not None
    return blanks.fill(X), Space(bounds, kinds, blanks=blanks)


@pytest.mark.parametrize("monotone", [-1, 0, 1])
def test_what_fills_a_gap_lies_in_the_range_and_costs_all_of_it(monotone: int) -> None:
    filled, here = space(monotone)
    gone = here.missing(filled)
    seen = 0
    for _ in range(20):
        points = here.to_coordinates(filled) + RNG.normal(size=filled.shape) * 4
        made = here.to_samples(points, filled)
        still = here.missing(made)
        assert np.array_equal(still[:, 2], gone[:, 2])  # not fillable
        assert not (still & ~gone).any()  # nothing becomes missing
        put = gone & ~still
        seen += put.sum()
        assert (made >= here.bounds[0])[put].all()
        assert (made <= here.bounds[1])[put].all()
        assert np.array_equal(made[:, 1][put[:, 1]], np.rint(made[:, 1][put[:, 1]]))
        assert (here.share(made, filled)[put] == 1.0).all()
        assert (here.share(made, filled)[gone & still] == 0.0).all()
    assert seen > 200
    raw = Space(here.bounds, here.constraints, "raw", here.blanks)
    made = raw.to_samples(raw.to_coordinates(np.where(gone, here.bounds[1], filled)), filled)
    able = gone & here.fillable
    ranges = np.broadcast_to([2.0, 7.0, 1.0], gone.shape)
    assert np.allclose(raw.share(made, filled)[able], ranges[able])
    low, high = negative_box(filled, here, None)
    assert np.array_equal(low[gone], filled[gone])
    assert np.array_equal(high[able], np.broadcast_to(here.bounds[1], gone.shape)[able])
    assert np.array_equal(high[:, 2][gone[:, 2]], filled[:, 2][gone[:, 2]])


@pytest.mark.parametrize("kind", ["tree", "boosting"])
def test_pertinent_negatives_fill_gaps_and_positives_leave_them(kind: str) -> None:
    X, y, _ = table()
    model = trees(kind, 4).fit(X, y)
    subject = Subject.of(model, X[:30], y[:30], bounds=(0.0, 1.0), constraints=FILL)
    outcome = xw.assess(subject, "explanations.cem", n_samples=30, beta=0.0, kappa=0.0, noise=0.0, strict=True)
    finding = outcome.finding
    assert finding is not None
    found = finding.tables["samples"]["pn_distance"].fillna(np.inf).to_numpy()
    wanted = np.array([by_enumeration(model, sample, "l2", True) for sample in subject.X])
    assert np.allclose(found[np.isfinite(wanted)], wanted[np.isfinite(wanted)], rtol=0, atol=5 * TINY)
    assert np.array_equal(np.isfinite(found), np.isfinite(wanted))
    gone, done = np.isnan(subject.X), finding.arrays["pn_found"]
    assert (gone & ~np.isnan(finding.arrays["pn"]))[done].any()
    assert np.isnan(finding.arrays["pp"])[gone].all()
    assert np.isnan(finding.arrays["baseline"])[gone].all()
    assert any("may be filled, by any number" in note for note in finding.notes)
