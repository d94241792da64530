"""The tree attack: from the nearest samples of other classes to the nearest leaves that together change the label.

Bisection towards real samples, back to the thresholds, then descent column by column: the idea of the attack on leaf
tuples (Zhang, Zhang, Hsieh 2020, arXiv:2010.11598), with every value of a column looked at in one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Step
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines.robustness.evasion.descent import Descent
from xrai_widgets.engines.robustness.evasion.leaf_moves import Around
from xrai_widgets.engines.robustness.evasion.split_moves import Splits

_HALVINGS = 12
_FURTHER = (0.0, 1e-12, 1e-9, 1e-7, 1e-6)  # relative: what lies just beyond a threshold may be rounded back
_NUMBER = 7  # of this attack among the streams of a sample
_ANYWHERE = 40  # random points, where no real sample of another class is known
_TOGETHER = 16  # samples for which the model is asked at once
_CELLS = 6_000_000  # of points, leaves and columns at once


@dataclass(frozen=True)
class Settings:
    """What is spent on each sample.

    Parameters
    ----------
    neighbours, starts : int
        Real samples of other classes that are gone towards; and those that are followed from there.
    rounds : int
        Looks at all leaves around a point.
    queries : int
        Rows that the model is asked for from each start, where its trees are not known.
    memory_limit : float
        GB for the leaves of all trees.
    """

    neighbours: int = 12
    starts: int = 6
    rounds: int = 300
    queries: int = 3000
    memory_limit: float = 1.0


def tree_attack(
    problem: Problem,
    best: Best,
    pool: Array,
    pool_classes: Array,
    thresholds: Sequence[Array] | None,
    trees: Trees | None,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> list[str]:
    """Find near samples with another label among the leaves of a model made of trees; fill ``best`` in place.

    Parameters
    ----------
    pool, pool_classes : array (r, d), array
        Real samples and what the model returns for them (`Problem.outputs`).
    thresholds : sequence of arrays, optional
        The values at which each column is split.
    trees : Trees, optional
        They are asked instead of the model, which confirms what is kept. Where they are not known or too many, numbers
        are missing or one-hot groups are columns of their own, the model is asked, at the thresholds; one of both is
        needed.
    partial : callable
        Makes the finding so far.

    Returns
    -------
    list of str
        What the reader must know.
    """
    space, n = problem.space, len(problem.samples)
    reach = Reach.of(space, problem.samples, problem.norm)
    inside, leaves = np.zeros(n, dtype=bool), None
    notes: list[str] = []
    if trees is not None and not reach.grouped:
        try:
            leaves = Leaves.of(trees, reach, settings.memory_limit)
        except NotApplicable as gap:
            notes.append(f"The tree attack asked the model and not its trees: {gap.reason}.")
        else:
            inside = np.asarray(~space.missing(problem.samples).any(axis=1))
    splits = None if thresholds is None else Splits.of(problem, thresholds)
    paid = replace(problem, meter=None)
    coordinates = space.to_coordinates(pool)
    for first in range(0, n, _TOGETHER):
        step(first / n, "tree attack", partial)
        among, asked = [], []
        for i in range(first, min(first + _TOGETHER, n)):
            starts = _starts(problem, i, coordinates, pool_classes, trees if inside[i] else None, settings, seed)
            if inside[i] and trees is not None and leaves is not None and len(starts):
                if not len(problem.granted(np.array([i]), len(_FURTHER) * len(starts))):
                    continue  # what the trees say is worth nothing where the model cannot be asked in the end
                part = (leaves, reach.rows(np.array([i])), trees)
                here = step.part(i / n, (i + 1) / n)
                among.append((i, _descended(problem, i, starts, part, settings, here, partial)))
            elif splits is not None and len(starts):
                asked.append((i, starts))
        _take(paid, best, *_beside(among, problem))
        if splits is not None and asked:
            samples, owner = _beside(asked, problem)
            _take(problem, best, splits.shrink(samples, owner, settings.queries), owner)
    left = int((~inside).sum()) if splits is None else 0
    if left:
        notes.append(f"The tree attack left out {left} samples whose trees and splits it does not know.")
    return notes


def _starts(
    problem: Problem, i: int, coordinates: Array, classes: Array, trees: Trees | None, settings: Settings, seed: int
) -> Array:
    """Return allowed samples (m, d) with another label, the nearest first."""
    space, origin, label = problem.space, problem.origins[i], problem.labels[i]
    other = np.flatnonzero(problem.seen(classes, i) != label)
    there = np.where(space.free, space.held(coordinates[other], origin), origin)
    size = problem.distances(there, np.full(len(there), i))
    points = there[np.argsort(size, kind="stable")[: settings.neighbours]]
    points, changed = _bisected(problem, i, points, trees)
    if not changed.any():
        rng = np.random.default_rng([seed, _NUMBER, int(problem.numbers[i])])
        low, high = space.box_around(origin[None])
        drawn = np.where(space.free, rng.uniform(low, high, (_ANYWHERE, len(origin))), origin)
        points, changed = _bisected(problem, i, drawn, trees)
    samples = space.to_samples(points[changed], np.repeat(problem.samples[i][None], int(changed.sum()), axis=0))
    size = space.distance(samples, np.repeat(problem.samples[i][None], len(samples), axis=0), problem.norm)
    return samples[np.argsort(size, kind="stable")[: settings.starts]]


def _bisected(problem: Problem, i: int, points: Array, trees: Trees | None) -> tuple[Array, Array]:
    """Return the points moved towards the original while the trees' label is another one, and where it is at all."""
    origin, sample = problem.origins[i], np.repeat(problem.samples[i][None], len(points), axis=0)

    def other(tried: Array) -> Array:
        if trees is None:
            return problem.adversarial(tried, np.full(len(tried), i))
        mask, rows = np.zeros(len(tried), dtype=bool), problem.granted(np.full(len(tried), i))
        if len(rows):
            scores = trees.scores(problem.space.to_samples(tried[rows], sample[rows]))
            mask[rows] = scores.argmax(axis=1) != problem.labels[i]
        return mask

    if not len(points):
        return points, np.zeros(0, dtype=bool)
    changed = other(points)
    low, high = np.zeros(len(points)), np.ones(len(points))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        still = other(origin + middle[:, None] * (points - origin))
        low, high = np.where(still, low, middle), np.where(still, middle, high)
    return origin + high[:, None] * (points - origin), changed


def _descended(
    problem: Problem,
    i: int,
    starts: Array,
    forest: tuple[Leaves, Reach, Trees],
    settings: Settings,
    step: Step,
    partial: Partial,
) -> Array:
    """Return nearer samples (m, d) that get another label by the trees."""
    leaves, reach, trees = forest
    label, size = int(problem.labels[i]), leaves.distances(reach)[0]
    starts = starts[problem.granted(np.full(len(starts), i))]
    if not len(starts):
        return starts
    rivals = trees.scores(starts)
    rivals[:, label] = -np.inf
    reached = []
    for rival in np.unique(rivals.argmax(axis=1)):
        mine = starts[rivals.argmax(axis=1) == rival]
        for _ in range(3):  # fewer leaves the nearer it comes
            far = problem.space.distance(mine, np.repeat(reach.samples, len(mine), axis=0), problem.norm)
            around = Around.of(leaves, reach, size, float(far.max()), int(rival), label, problem.norm)
            if around.low.size * len(mine) > _CELLS:
                mine = mine[np.argsort(far, kind="stable")[: max(1, _CELLS // around.low.size)]]
            descent = Descent(around, mine)

            def pay(count: int, price: int = around.price) -> Array:
                step(0.0, "tree attack", partial)
                return problem.granted(np.full(count, i), price)

            descent.run(settings.rounds // 3, pay)
            mine = descent.nearest  # the starts themselves where no look was granted
            if not descent.waits.any():
                break
        reached.append(mine)
    return np.vstack(reached)


def _beside(parts: list[tuple[int, Array]], problem: Problem) -> tuple[Array, Array]:
    """Return samples (m, d) one below the other, and whose they are."""
    rows = [problem.samples[:0], *(samples for _, samples in parts)]
    return np.vstack(rows), np.repeat(np.array([i for i, _ in parts], dtype=np.intp), [len(p) for _, p in parts])


def _take(problem: Problem, best: Best, samples: Array, owner: Array) -> None:
    """Keep the nearest samples (m, d) that the model itself confirms."""
    origins = problem.origins[owner]
    change = problem.space.to_coordinates(samples) - origins
    waiting = np.arange(len(samples))
    for further in _FURTHER:
        if not len(waiting):
            break
        tried, whose = origins[waiting] + (1 + further) * change[waiting], owner[waiting]
        good = problem.adversarial(tried, whose)
        best.take(tried[good], whose[good], problem.distances(tried[good], whose[good]))
        waiting = waiting[~good]
