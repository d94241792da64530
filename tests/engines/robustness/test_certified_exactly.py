"""Distances of sums of trees against an integer program, an exact solver, and examples that the model is asked for."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.engines.robustness.test_certified import _asked, _mixed
from tests.models.test_carried_trees import KINDS
from xrai_widgets.core import Array, Subject
from xrai_widgets.core.inside import Trees
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.certified import bounds, solver
from xrai_widgets.engines.robustness.certified.nearest import Nearest, nearest_combination

with_and_without = pytest.mark.parametrize("exactly", [False, True], ids=["native", "veritas"])


def _table(seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 4))
    return X, (X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=300) > 0).astype(int)


def _subject(kind: str) -> Subject:
    X, y = _table()
    return Subject.of(KINDS[kind]().fit(X[:200], y[:200]), X[200:], y[200:])


def _nearest(subject: Subject, i: int, *, exactly: bool) -> Nearest:
    assert subject.bounds is not None
    assert subject.trees is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    leaves = Leaves.of(subject.trees, reach, 1.0)
    one = solver.Solver.of(subject.trees, leaves, 50_000, 1.0) if exactly else None
    if exactly and one is None:
        pytest.skip("dtai-veritas is not installed")
    label = int(subject.predict(subject.X[i : i + 1]).argmax())
    return nearest_combination(leaves, reach.rows(np.array([i])), label, np.inf, 1_000_000, one)


def _by_program(trees: Trees, x: Array, span: Array, label: int) -> float:
    """Return the least l∞ distance at which two classes' trees give the other one, by HiGHS (Kantchelian 2016)."""
    rival = 1 - label
    slack = 2 * trees.rounding if trees.rounding else 0.5 if rival < label else -0.5
    lead = trees.value[:, rival] - trees.value[:, label]
    cuts = [np.unique(trees.threshold[trees.feature == j]) for j in range(len(x))]
    start = np.cumsum([0, *map(len, cuts)])
    leaves = np.flatnonzero(trees.left == np.arange(len(trees.left)))
    n, first = int(start[-1]) + len(leaves) + 1, int(start[-1])  # below a cut; in a leaf; the distance
    rows: list[tuple[dict[int, float], float, float]] = []
    for j, own in enumerate(cuts):
        for k, cut in enumerate(own):
            p = int(start[j]) + k
            if k + 1 < len(own):
                rows.append(({p: 1.0, p + 1: -1.0}, -np.inf, 0.0))
            if cut < x[j]:
                rows.append(({n - 1: 1.0, p: -(x[j] - cut) / span[j]}, 0.0, np.inf))
            else:
                rows.append(({n - 1: 1.0, p: (cut - x[j]) / span[j]}, (cut - x[j]) / span[j], np.inf))
    place = {int(leaf): first + number for number, leaf in enumerate(leaves)}
    ways: list[tuple[int, list[tuple[int, bool]]]] = [(int(root), []) for root in trees.roots]
    while ways:
        node, way = ways.pop()
        if trees.left[node] != node:
            p = int(start[trees.feature[node]] + np.searchsorted(cuts[trees.feature[node]], trees.threshold[node]))
            ways += [(int(trees.left[node]), [*way, (p, True)]), (int(trees.right[node]), [*way, (p, False)])]
            continue
        for p, below in way:
            rows.append(({place[node]: 1.0, p: -1.0 if below else 1.0}, -np.inf, 0.0 if below else 1.0))
    for tree in range(len(trees.roots)):
        mine = [place[int(leaf)] for leaf in leaves if trees.tree[leaf] == tree]
        rows.append((dict.fromkeys(mine, 1.0), 1.0, 1.0))
    rows.append(({place[int(leaf)]: float(lead[leaf]) for leaf in leaves},
                 -float(trees.base[rival] - trees.base[label]) - slack, np.inf))  # fmt: skip
    matrix = lil_array((len(rows), n))
    for number, (terms, _, _) in enumerate(rows):
        for column, factor in terms.items():
            matrix[number, column] = factor
    cost = np.eye(n)[-1]
    kind = np.r_[np.ones(n - 1), 0]
    limits = LinearConstraint(matrix.tocsr(), [row[1] for row in rows], [row[2] for row in rows])
    solved = milp(cost, constraints=limits, integrality=kind, bounds=Bounds(0, np.r_[np.ones(n - 1), np.inf]))
    assert solved.success
    return float(solved.fun)


@with_and_without
@pytest.mark.parametrize("kind", ["forest", "boosting", "xgboost"])
def test_distances_are_those_of_an_integer_program(kind: str, exactly: bool) -> None:
    subject = _subject(kind)
    assert subject.bounds is not None
    assert subject.trees is not None
    span = subject.bounds[1] - subject.bounds[0]
    for i in range(5):
        label = int(subject.predict(subject.X[i : i + 1]).argmax())
        expected = _by_program(subject.trees, subject.X[i], span, label)
        assert _nearest(subject, i, exactly=exactly).low == pytest.approx(expected, rel=1e-5, abs=1e-7)


@with_and_without
@pytest.mark.parametrize("kind", ["forest", "boosting", "xgboost", "lightgbm", "histograms"])
def test_the_example_changes_the_models_own_label_just_beyond_the_distance(kind: str, exactly: bool) -> None:
    subject = _subject(kind)
    assert subject.bounds is not None
    span = subject.bounds[1] - subject.bounds[0]
    for i in range(8):
        nearest = _nearest(subject, i, exactly=exactly)
        assert nearest.witness is not None
        far = np.abs(nearest.witness - subject.X[i]) / span
        assert far.max() <= nearest.low + 1e-6
        labels = subject.predict(np.vstack([subject.X[i], nearest.witness])).argmax(axis=1)
        assert labels[0] != labels[1]


@with_and_without
def test_ties_of_votes_count(exactly: bool) -> None:
    X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    forest = RandomForestClassifier(2, bootstrap=False, random_state=0).fit(X, y)
    other = RandomForestClassifier(1, bootstrap=False, random_state=0).fit(X / 2, y)
    forest.estimators_ = [forest.estimators_[0], other.estimators_[0]]  # split at 0.5 and at 0.25
    subject = Subject.of(forest, X, y)
    assert subject.trees is not None
    assert subject.trees.rounding == 0
    # between 0.25 and 0.5 each class has one vote, and the lower class wins
    assert _nearest(subject, 0, exactly=exactly).low == pytest.approx(0.5)
    assert _nearest(subject, 1, exactly=exactly).low == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["mixed", "forest", "lightgbm"])
def test_the_exact_solver_and_the_native_bound_agree_where_both_are_exact(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("veritas")
    if kind == "mixed":
        table, y = _mixed()
        before = make_column_transformer((OneHotEncoder(), ["shape"]), remainder="passthrough", sparse_threshold=0)
        model = make_pipeline(before, RandomForestClassifier(15, random_state=0)).fit(table[:300], y[:300])
        subject = Subject.of(model, table[300:], y[300:])
    else:
        subject = _subject(kind)
    words: dict[str, Any] = {"attack": False, "n_samples": 40, "effort": 1_000_000}
    exact = _asked(subject, **words).tables["samples"]["distance_lower"]
    monkeypatch.setattr(bounds, "Solver", _None)
    native = _asked(subject, **words).tables["samples"]["distance_lower"]
    assert (exact.notna() & (exact > 0)).sum() > 20
    np.testing.assert_allclose(native, exact, rtol=1e-9)


class _None:
    """A package that is not installed."""

    @classmethod
    def of(cls, *_: Any) -> None:
        """Return none."""


@pytest.mark.slow
def test_what_arts_verifier_certifies_of_a_forest_is_broken_and_not_certified_here() -> None:
    from art.estimators.classification.scikitlearn import ScikitlearnRandomForestClassifier
    from art.metrics import RobustnessVerificationTreeModelsCliqueMethod

    X, y = _table()
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    model = RandomForestClassifier(12, max_depth=5, random_state=0).fit(X[:200], y[:200])
    some = 200 + np.flatnonzero((model.predict(X[200:]) == 1) & (y[200:] == 1))[:10]
    theirs = RobustnessVerificationTreeModelsCliqueMethod(ScikitlearnRandomForestClassifier(model), verbose=False)
    _, error = theirs.verify(X[some], np.eye(2)[y[some]], eps_init=1.0, nb_search_steps=1, max_clique=2, max_level=1)
    assert error == 0  # "no sample of class 1 can be broken within the whole range"
    subject = Subject.of(model, X[200:], y[200:], bounds=(0.0, 1.0))
    for i in some - 200:
        nearest = _nearest(subject, int(i), exactly=False)
        assert nearest.witness is not None
        assert model.predict(nearest.witness[None])[0] == 0
        assert nearest.low < 1.0
