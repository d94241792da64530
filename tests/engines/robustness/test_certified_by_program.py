"""The integer program alone, without any other search, against the model itself in every cell."""

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.engines.robustness.cells import in_cells
from tests.engines.robustness.test_certified import _asked, _mixed, _plane
from tests.models.test_carried_trees import KINDS
from xrai_widgets.core import Array, Constraint, Subject
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.certified import bounds, nearest, program
from xrai_widgets.engines.robustness.certified.program import Near, by_program

_SINGLE = 1e-7  # float32 in [0, 1]


class _None:
    """A package that is not installed."""

    @classmethod
    def of(cls, *_: Any) -> None:
        """Return none."""


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "Solver", _None)
    monkeypatch.setattr(nearest, "combination", lambda *_: True)


def _right(subject: Subject, **words: Any) -> tuple[Array, Array]:
    table = _asked(subject, attack=False, n_samples=60, effort=1_000_000, **words).tables["samples"]
    right = (table["status"] != "answered wrongly before").to_numpy()
    return right, table["distance_lower"].to_numpy()[right]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        *(("forest", 2), ("forest", 3), ("xgboost", 2)),
        *(pytest.param(kind, 3, marks=pytest.mark.slow) for kind in ("boosting", "xgboost", "lightgbm", "histograms")),
    ],
)
def test_it_finds_the_nearest_cell_with_another_label(kind: str, classes: int) -> None:
    X, y = _plane(classes=classes)
    subject = Subject.of(KINDS[kind]().fit(X[:200], y[:200]), X[200:], y[200:])
    right, low = _right(subject)
    assert right.sum() > 20
    np.testing.assert_allclose(low, in_cells(subject, "linf")[right], rtol=0, atol=_SINGLE)


@pytest.mark.parametrize("trees", [2, 6])
def test_where_nothing_is_rounded_the_lower_class_wins_ties(trees: int) -> None:
    X, y = _plane()
    model = RandomForestClassifier(trees, max_features=1, max_depth=6, random_state=0).fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:])
    assert subject.trees is not None
    assert subject.bounds is not None
    assert subject.trees.rounding > 0, "votes are whole: the test would say nothing"
    right, low = _right(subject)
    expected = in_cells(subject, "linf")[right]
    assert (low <= expected + _SINGLE).all()
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    leaves = Leaves.of(subject.trees, reach, 1.0)
    assert 0.3 < leaves.fine.mean() < 1.0
    exact = np.isclose(low, expected, rtol=0, atol=_SINGLE)
    assert exact.mean() > 0.9  # the rest are ties in which a fraction may be rounded


def test_a_rounded_tie_may_be_won_and_an_unrounded_one_is_lost() -> None:
    X, y = _plane()
    subject = Subject.of(RandomForestClassifier(4, max_depth=5, random_state=0).fit(X, y), X, y)
    assert subject.trees is not None
    assert subject.bounds is not None
    leaves = Leaves.of(subject.trees, Reach.of(Space(subject.bounds, ()), subject.X, "linf"), 1.0)
    lead = leaves.value[:, 1] - leaves.value[:, 0]
    no, yes = np.flatnonzero(leaves.fine & (lead == -1))[0], np.flatnonzero(leaves.fine & (lead == 1))[0]
    assert not leaves.leads(np.array([no, yes]), 1, 0)
    assert leaves.leads(np.array([no, yes]), 0, 1)
    assert leaves.leads(np.array([no, yes, yes]), 1, 0)
    assert not leaves.leads(np.array([no, yes, yes]), 0, 1)
    leaves.fine[no] = False
    assert leaves.leads(np.array([no, yes]), 1, 0)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "limits",
    [{}, {"size": Constraint(monotone=1), "shape": Constraint(immutable=True)}],
    ids=["free", "one rises, one immutable"],
)
def test_whole_numbers_and_categories_are_counted_as_they_may_be(limits: dict[str, Constraint]) -> None:
    table, y = _mixed()
    before = make_column_transformer((OneHotEncoder(), ["shape"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, RandomForestClassifier(8, random_state=0)).fit(table[:300], y[:300])
    subject = Subject.of(model, table[300:360], y[300:360], constraints=limits)
    assert subject.bounds is not None
    space = Space(subject.bounds, subject.constraints)
    every = np.array(list(itertools.product(range(3), range(7), range(6))), dtype=float)
    label, mine = subject.predict(every).argmax(axis=1), subject.predict(subject.X).argmax(axis=1)
    right, low = _right(subject)
    for i, found in zip(np.flatnonzero(right), low, strict=True):
        x = subject.X[i]
        may = np.ones(len(every), dtype=bool)
        for column, kind in enumerate(subject.constraints):
            may &= (every[:, column] == x[column]) | (not kind.immutable)
            may &= (every[:, column] >= x[column]) | (kind.monotone <= 0)
        far = space.distance(every, np.repeat(x[None], len(every), axis=0), "linf")
        assert found == pytest.approx(far[may & (label != mine[i])].min(initial=np.inf), rel=1e-9), i


def test_of_categories_alone_it_says_which_one_changes_the_label_or_that_none_does() -> None:
    table, y = _mixed()
    before = make_column_transformer((OneHotEncoder(), ["shape"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, RandomForestClassifier(8, random_state=0)).fit(table[:300], y[:300])
    still = {name: Constraint(immutable=True) for name in ("size", "weight")}
    subject = Subject.of(model, table[300:340], y[300:340], constraints=still)
    assert subject.trees is not None
    assert subject.bounds is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    leaves = Leaves.of(subject.trees, reach, 1.0)
    found = 0
    for i, x in enumerate(subject.X):
        every = np.array([[code, *x[1:]] for code in range(3)])
        label = subject.predict(every).argmax(axis=1)
        mine = int(label[int(x[0])])
        one = reach.rows(np.array([i]))
        says = by_program(leaves, one, leaves.distances(one)[0], 1.0, 1 - mine, mine, 1000)
        if (label != mine).any():
            assert not isinstance(says, bool), i
            assert label[int(says[0])] != mine
            assert says[1:].tolist() == x[1:].tolist()
            found += 1
        else:
            assert says is False, i
        assert by_program(leaves, one, leaves.distances(one)[0], 0.99, 1 - mine, mine, 1000) is False
    assert 5 < found < len(subject.X)


def _problem(n: int = 20) -> tuple[Subject, Leaves, Reach]:
    rng = np.random.default_rng(0)
    X = rng.random((300, 5))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=300) > 0.8).astype(int)
    subject = Subject.of(RandomForestClassifier(n, max_depth=6, random_state=0).fit(X[:250], y[:250]), X[250:], y[250:])
    assert subject.trees is not None
    assert subject.bounds is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    return subject, Leaves.of(subject.trees, reach, 1.0), reach


def test_leaves_that_no_way_of_winning_holds_are_left_out_and_all_others_kept() -> None:
    subject, leaves, reach = _problem()
    rng = np.random.default_rng(1)
    left_out = 0
    for i, radius in itertools.product(range(15), (0.03, 0.06, 0.15)):
        one, label = reach.rows(np.array([i])), int(subject.predict(subject.X[i : i + 1]).argmax())
        size = leaves.distances(one)[0]
        near = Near.of(leaves, one, size, radius, 1 - label, label)
        low, high = one.ball(np.array([radius]))
        points = rng.uniform(low[0], high[0], size=(100, 5))
        wins = [p for p in points if leaves.leads(leaves.holding(p), 1 - label, label)]
        assert near is not None or not wins
        if near is None:
            continue
        left_out += int((size <= radius).sum()) - len(near.place)
        for point in wins:
            assert set(leaves.holding(point)) <= set(near.place)
            assert ((near.box[0] <= point) & (point <= near.box[1])).all()
    assert left_out > 5


def test_what_is_too_large_or_too_long_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, leaves, reach = _problem()
    one, label = reach.rows(np.array([0])), int(subject.predict(subject.X[:1]).argmax())
    size = leaves.distances(one)[0]
    assert not isinstance(by_program(leaves, one, size, 0.6, 1 - label, label, 1000), bool)
    monkeypatch.setattr(program, "_ENTRIES", 10)
    assert by_program(leaves, one, size, 0.6, 1 - label, label, 1000) is True


def test_small_leaves_are_decided_like_large_ones() -> None:
    subject, leaves, reach = _problem()
    seen = set()
    for i, radius in itertools.product(range(10), (0.05, 0.1, 0.2)):
        one, label = reach.rows(np.array([i])), int(subject.predict(subject.X[i : i + 1]).argmax())
        size, says = leaves.distances(one)[0], []
        for share in (1.0, 1e-5, 1e-9, 1e7):
            parts = {name: getattr(leaves, name) * share for name in ("value", "base", "rounding")}
            scaled = replace(leaves, **parts, fine=np.zeros(len(leaves.fine), dtype=bool))
            point = by_program(scaled, one, size, radius, 1 - label, label, 1000)
            says.append(point if isinstance(point, bool) else "a sample")
        assert len(set(says)) == 1, (i, radius, says)
        seen.add(says[0])
    assert seen == {False, "a sample"}


def test_what_the_solver_does_not_understand_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, leaves, reach = _problem()
    one, label = reach.rows(np.array([0])), int(subject.predict(subject.X[:1]).argmax())
    for message, says in (("(HiGHS Status 2: Model error)", True), ("The problem is infeasible. (…)", False)):
        result = SimpleNamespace(status=2, message=message, x=None)
        monkeypatch.setattr("scipy.optimize.milp", lambda *_, result=result, **__: result)
        assert by_program(leaves, one, leaves.distances(one)[0], 0.6, 1 - label, label, 1000) is says
