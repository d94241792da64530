"""How often CEM asks: questions of all samples go together, and none is asked twice."""

from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.core import Array, Constraint, quiet
from xrai_widgets.data import examples
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.levels import Levels
from xrai_widgets.engines._search.memory import Memory
from xrai_widgets.engines._search.nearby import probe
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._search.trimming import trim
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem


class Counted:
    """A model that notes what it is asked."""

    def __init__(self, predict: object) -> None:
        self.predict, self.sizes = predict, list[int]()
        self.rows = list[bytes]()

    def __call__(self, X: Array) -> Array:
        self.sizes.append(len(X))
        self.rows += [row.tobytes() for row in X]
        return np.asarray(self.predict(X))  # type: ignore[operator]  # any model


# rows and calls of the search before split values became levels, for the same samples; of PP and a twentieth more
@pytest.mark.parametrize(("mode", "rows", "calls"), [("PN", 10_402, 76), ("PP", 1_100, 50)])
def test_applicants_are_explained_by_no_more_questions_than_before_thresholds_were_known(
    mode: str, rows: int, calls: int
) -> None:
    subject = examples.load("german_credit_forest")
    model = Counted(subject.predict)
    names = ("X", "y", "bounds", "constraints", "X_train", "thresholds")
    finding = cem(
        predict=model,
        **{name: getattr(subject, name) for name in names},
        mode=mode,  # type: ignore[arg-type]  # of two
        n_samples=15,
        noise=0.0,
    )
    assert finding.values[f"{mode.lower()}_share"] == 1.0
    assert sum(model.sizes) <= rows
    assert len(model.sizes) <= calls


def stairs(X: Array) -> Array:
    """Class 1 where three columns, cut into a thousand steps, sum to more than 1.5."""
    rises = np.floor(X * 1000).sum(axis=1) > 1500
    return np.column_stack([1 - rises, rises]).astype(float)


def question(model: Counted, samples: Array, kinds: tuple[Constraint, ...] = ()) -> Contrast:
    space = Space(np.array([[0.0] * 3, [1.0] * 3]), kinds, "range", None)
    answers = Scorer(model, None, None, (3,), 10_000)
    low, high = np.zeros_like(samples), np.ones_like(samples)
    labels = answers.labels(samples)
    return Contrast("PN", answers, space, samples, labels, samples, low, high, 0.0, 0.1)


def test_taking_back_asks_for_all_instances_together_and_each_ends_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(0)
    samples = rng.random((30, 3)) / 3
    levels = Levels.of([np.arange(1, 1000) / 1000] * 3, Space(np.array([[0.0] * 3, [1.0] * 3]), (), "range", None))

    def trimmed(rows: Array) -> tuple[Array, int]:
        model = Counted(stairs)
        contrast = question(model, samples[rows])
        found = Incumbents.untouched(contrast)
        found.ask(contrast, 0.9 + 0.1 * samples[rows], np.arange(len(rows)))
        model.sizes.clear()
        trim(contrast, found, quiet, levels=levels)
        return found.points, len(model.sizes)

    together, calls = trimmed(np.arange(30))
    single = [trimmed(np.array([number])) for number in range(30)]
    assert np.array_equal(together, np.vstack([points for points, _ in single]))
    assert calls <= 1.1 * max(count for _, count in single)
    assert calls < 40  # cells are left behind by the dozen, not one by one
    assert (np.floor(together * 1000).sum(axis=1) == 1501).all()  # no cell less would do


def test_what_copies_of_instances_have_found_is_not_asked_again() -> None:
    model = Counted(stairs)
    samples = np.full((2, 3), 0.1)
    contrast = question(model, samples)
    starts = np.array([0, 0, 1])
    found, copies = Incumbents.untouched(contrast), Incumbents.untouched(contrast.part(starts))
    copies.ask(contrast.part(starts), np.array([[0.9] * 3, [0.8] * 3, [0.2] * 3]), np.arange(3))
    before = len(model.sizes)
    found.better(contrast, starts, copies)
    assert len(model.sizes) == before
    assert found.points.tolist() == [[0.8] * 3, [0.2] * 3]
    assert found.done.tolist() == [True, False]
    assert found.label.tolist() == [1, 0]
    assert found.cost[0] == pytest.approx(contrast.cost(found.points, np.arange(2))[0])


def test_near_a_sample_each_cell_is_asked_for_once_and_the_samples_own_never() -> None:
    model = Counted(lambda X: stairs(np.floor(X * 4) / 4))
    samples = np.full((5, 3), 0.3)
    contrast = question(model, samples)
    levels = Levels.of([np.array([0.25, 0.5, 0.75])] * 3, contrast.space)
    found = Incumbents.untouched(contrast)
    model.rows.clear()
    probe(contrast, found, 300, 0, quiet, levels)
    assert found.done.all()
    cells = [tuple(np.floor(np.frombuffer(row) * 4)) for row in model.rows]
    assert (1.0, 1.0, 1.0) not in cells
    assert max(cells.count(cell) for cell in set(cells)) <= 3 * len(samples)  # once in each of three rounds
    model.rows.clear()
    ruled = replace(contrast, scorer=replace(contrast.scorer, decide=lambda X: stairs(X).argmax(axis=1)))
    probe(ruled, Incumbents.untouched(ruled), 300, 0, quiet, levels)
    assert len(set(model.rows)) > 200  # a rule may tell apart what the trees do not


def test_a_memory_asks_for_each_sample_once_and_forgets_when_it_is_full() -> None:
    model, memory = Counted(lambda X: 2.0 * X), Memory(4)
    first = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    assert memory.scores(model, first).tolist() == (2 * first).tolist()
    assert model.sizes == [2]
    assert memory.scores(model, first[::-1]).tolist() == (2 * first[::-1]).tolist()
    assert model.sizes == [2]
    more = np.arange(8.0).reshape(4, 2)
    assert memory.scores(model, more).tolist() == (2 * more).tolist()
    assert model.sizes == [2, 4]
    memory.scores(model, first)
    assert model.sizes == [2, 4, 2]


def test_only_trees_with_categories_are_remembered() -> None:
    free = Space(np.array([[0.0], [1.0]]), (Constraint("continuous"),), "range", None)
    coded = Space(np.array([[0.0], [1.0]]), (Constraint("category", ("a", "b")),), "range", None)
    assert Memory.of(None, coded, 9) is None
    assert Memory.of((np.array([0.5]),), free, 9) is None
    assert Memory.of((np.array([0.5]),), coded, 9) is not None
