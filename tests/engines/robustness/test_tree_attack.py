"""The attack on trees against brute force over all cells, exact distances, and what a sample may become."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import xrai_widgets as xw
from tests.engines.robustness.cells import in_cells
from tests.models.test_carried_trees import KINDS
from xrai_widgets.core import Array, Constraint, Subject
from xrai_widgets.core.step import quiet
from xrai_widgets.engines import _leaves as leaves_module
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion.leaf_moves import Around, length
from xrai_widgets.engines.robustness.evasion.tree_attack import Settings, tree_attack

KINDS_READ = ("tree", "forest", "boosting", "xgboost")


def _plane(n: int = 260, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 2))
    y = (np.floor(2.2 * X[:, 0]) + np.floor(2.2 * X[:, 1])).astype(int) % 2
    return X, np.where(rng.random(n) < 0.1, 1 - y, y)


def _attacked(
    subject: Subject, norm: Any, rows: Array | None = None, *, inside: bool = True, **words: Any
) -> tuple[Problem, Best]:
    assert subject.bounds is not None
    assert subject.X_train is not None
    number = np.arange(len(subject.X)) if rows is None else rows
    samples = subject.X[number]
    labels = subject.predict(samples).argmax(axis=1)
    space = Space(subject.bounds, subject.constraints)
    problem = Problem(subject.predict, space, samples, labels, number, samples.shape[1:], norm, 100_000)
    best, pool = Best.nothing(problem), subject.X_train
    trees = subject.trees if inside else None
    tree_attack(problem, best, pool, problem.outputs(pool), subject.thresholds, trees, Settings(**words), 0, quiet)
    reached = space.to_samples(best.points, samples)
    assert (subject.predict(reached).argmax(axis=1) != labels)[best.success].all()
    np.testing.assert_allclose(problem.distances(best.points, np.arange(len(number)))[best.success],
                               best.distance[best.success])  # fmt: skip
    return problem, best


def _subject(model: Any, **words: Any) -> Subject:
    X, y = _plane()
    return Subject.of(model.fit(X[:200], y[:200]), X[200:], y[200:], X_train=X[:200], y_train=y[:200], **words)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(
    ("kind", "inside"), [*((kind, True) for kind in KINDS_READ), ("forest", False), ("lightgbm", False)]
)
def test_in_a_plane_it_is_never_below_the_nearest_cell_and_mostly_at_it(kind: str, norm: str, inside: bool) -> None:
    subject = _subject(KINDS[kind]())
    _, best = _attacked(subject, norm, np.arange(25), inside=inside)
    exact = in_cells(subject, norm)[:25]
    assert best.success.all()
    assert (best.distance >= exact - 1e-6).all()
    ratio = best.distance / np.maximum(exact, 1e-12)
    assert np.median(ratio) <= 1.001
    assert (ratio <= 1.05).mean() >= (0.9 if inside else 0.75)


def _mixed() -> tuple[pd.DataFrame, Array]:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "shape": rng.choice(["ball", "cone", "cube"], 400),
            "size": rng.integers(0, 7, 400),
            "weight": rng.integers(0, 6, 400),
        }
    )
    score = (table["shape"] == "cone") * 2.0 + table["size"] - 0.8 * table["weight"] + rng.normal(size=400)
    return table, (score > 1.5).astype(int).to_numpy()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(
    "limits",
    [{}, {"size": Constraint(immutable=True)}, {"size": Constraint(monotone=1), "shape": Constraint(immutable=True)}],
    ids=["free", "one immutable", "one rises, one immutable"],
)
def test_whole_numbers_categories_and_directions_are_kept(limits: dict[str, Constraint], norm: Any) -> None:
    table, y = _mixed()
    before = make_column_transformer((OneHotEncoder(), ["shape"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, RandomForestClassifier(15, random_state=0)).fit(table[:300], y[:300])
    subject = Subject.of(model, table[300:], y[300:], X_train=table[:300], y_train=y[:300], constraints=limits)
    problem, best = _attacked(subject, norm, np.arange(25))
    every = np.array(list(itertools.product(range(3), range(7), range(6))), dtype=float)
    label = subject.predict(every).argmax(axis=1)
    exact = np.empty(25)
    for i, x in enumerate(problem.samples):
        may = np.ones(len(every), dtype=bool)
        for column, kind in enumerate(subject.constraints):
            may &= (every[:, column] == x[column]) | (not kind.immutable)
            may &= (every[:, column] >= x[column]) | (kind.monotone <= 0)
        far = problem.space.distance(every, np.repeat(x[None], len(every), axis=0), norm)
        exact[i] = far[may & (label != problem.labels[i])].min(initial=np.inf)
    assert (best.distance >= exact - 1e-9).all()
    reachable = np.isfinite(exact)
    assert (best.distance[reachable] <= exact[reachable] + 1e-9).mean() > 0.9


def test_each_sample_has_what_it_has_alone() -> None:
    subject = _subject(RandomForestClassifier(20, random_state=0))
    _, together = _attacked(subject, "linf", np.arange(20))
    _, alone = _attacked(subject, "linf", np.array([7]))
    np.testing.assert_array_equal(together.points[7], alone.points[0])


def test_samples_that_lack_numbers_are_attacked_by_asking_the_model() -> None:
    from xrai_widgets.runtime import run

    rng = np.random.default_rng(0)
    X, y = _plane()
    X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    model = KINDS["histograms"]().fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])
    assert run(subject, "robustness.evasion", {"n_samples": 10, "max_iter": 1}, strict=True).status == "ok"


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_every_move_gives_the_lead_and_the_distance_that_it_says(norm: str) -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(300, 4)), rng.integers(0, 6, 300)])
    y = (X[:, 0] + X[:, 1] * X[:, 2] + X[:, 4] > 2).astype(int)
    model = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], constraints={"x4": Constraint(kind="integer")})
    assert subject.bounds is not None
    assert subject.trees is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X[:1], "linf")
    leaves = Leaves.of(subject.trees, reach, 1.0)
    around = Around.of(leaves, reach, np.zeros(len(leaves.tree)), 9.0, 1, 0, norm)
    points = subject.X[10:13]
    look, every = around.look(points), np.arange(len(points))
    margin, settled, moves = look.margin, look.settled(every), look.moves(every)
    scores = subject.trees.scores(points)
    np.testing.assert_allclose(margin, scores[:, 1] - scores[:, 0] - 2 * leaves.rounding)
    np.testing.assert_allclose(subject.trees.scores(settled), scores)
    moved = points[moves.point]
    moved[np.arange(len(moved)), moves.column] = moves.value
    scores = subject.trees.scores(moved)
    assert len(moved) > 50
    np.testing.assert_allclose(moves.margin, scores[:, 1] - scores[:, 0] - 2 * leaves.rounding, atol=1e-9)
    np.testing.assert_allclose(moves.size, length(around.share(moved), norm), atol=1e-9)
    assert (moved[:, 4] == np.rint(moved[:, 4])).all()
    # every margin that changing one column can give is among them
    for column in range(5):
        values = np.unique(np.r_[subject.trees.threshold, np.nextafter(subject.trees.threshold, np.inf)])
        values = values[(values >= reach.low[0, column]) & (values <= reach.high[0, column])]
        values = np.unique(np.floor(values)) if column == 4 else values
        every = np.repeat(points[:1], len(values), axis=0)
        every[:, column] = values
        scores = subject.trees.scores(every)
        offered = moves.margin[(moves.point == 0) & (moves.column == column)].max(initial=margin[0])
        assert offered >= (scores[:, 1] - scores[:, 0]).max() - 2 * leaves.rounding - 1e-9


def test_where_there_are_too_many_categories_or_leaves_the_model_is_asked_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{number:02d}" for number in rng.integers(0, 70, 600)])
    table = pd.DataFrame({"word": words, "a": rng.random(600), "b": rng.random(600)})
    y = (table["a"] + table["b"] > 1).astype(int).to_numpy()
    before = make_column_transformer((OneHotEncoder(), ["word"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, RandomForestClassifier(5, max_depth=4, random_state=0)).fit(table, y)
    subject = Subject.of(model, table[:4], y[:4], X_train=table, y_train=y)
    assert subject.trees is not None
    assert subject.trees.words.shape[1] == 70
    many = xw.assess(subject, "robustness.evasion", n_samples=2, queries=2000, strict=True)
    monkeypatch.setattr(leaves_module, "_BYTES", 10**6)  # of a node and column, as if the forest were a large one
    forest = _subject(RandomForestClassifier(5, random_state=0))
    large, room = (
        xw.assess(forest, "robustness.evasion", n_samples=2, queries=2000, memory_limit=limit, strict=True)
        for limit in (0.5, 64.0)
    )
    assert room.finding is not None
    assert not [note for note in room.finding.notes if "not its trees" in note]
    for outcome, why in ((many, "70 categories"), (large, "nodes")):
        assert outcome.finding is not None, outcome.reason
        assert (outcome.finding.tables["samples"]["status"] == "found").any()
        assert [note for note in outcome.finding.notes if "asked the model and not its trees" in note and why in note]


@pytest.mark.parametrize("queries", [100, 140, 200, 400])
def test_what_was_found_is_kept_and_confirmed_when_the_budget_runs_out(queries: int) -> None:
    subject = _subject(RandomForestClassifier(20, random_state=0))
    assert subject.bounds is not None
    assert subject.X_train is not None
    labels = subject.predict(subject.X).argmax(axis=1)
    space, number, meter = Space(subject.bounds, ()), np.arange(len(labels)), Meter.of(len(labels))
    problem = Problem(subject.predict, space, subject.X, labels, number, (2,), "l2", 100_000, meter=meter)
    best, pool = Best.nothing(problem), subject.X_train
    known = (pool, problem.outputs(pool), subject.thresholds, subject.trees)
    meter.open(queries)
    tree_attack(problem, best, *known, Settings(6, 1), 0, quiet)
    assert best.success.all()
    assert (meter.spent <= queries).all()
    assert meter.refused.any() == (queries < 400)
    reached = space.to_samples(best.points, subject.X)
    assert (subject.predict(reached).argmax(axis=1) != labels).all()
