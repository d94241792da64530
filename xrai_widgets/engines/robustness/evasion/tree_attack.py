"""The tree attack: from the nearest samples of other classes to the nearest leaves that together change the label.

Bisection towards real samples, back to the thresholds, then descent column by column: the idea of the attack on leaf
tuples (Zhang, Zhang, Hsieh 2020, arXiv:2010.11598), with every value of a column looked at in one go.
"""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines.robustness.evasion.descent import Descent
from xrai_widgets.engines.robustness.evasion.leaf_moves import Around

_HALVINGS = 12
_FURTHER = (0.0, 1e-12, 1e-9, 1e-7, 1e-6)  # relative: what lies just beyond a threshold may be rounded back
_NUMBER = 7  # of this attack among the streams of a sample
_ANYWHERE = 40  # random points, where no real sample of another class is known
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
    memory_limit : float
        GB for the leaves of all trees.
    """

    neighbours: int = 12
    starts: int = 6
    rounds: int = 300
    memory_limit: float = 1.0


def tree_attack(
    problem: Problem,
    best: Best,
    pool: Array,
    pool_classes: Array,
    trees: Trees,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> list[str]:
    """Find near samples with another label among the leaves of a sum of trees; fill ``best`` in place.

    Parameters
    ----------
    pool, pool_classes : array (r, d), array
        Real samples and what the model returns for them (`Problem.outputs`).
    trees : Trees
        Of the model: they are asked instead of it, but what is kept it has confirmed.
    partial : callable
        Makes the finding so far.

    Returns
    -------
    list of str
        What the reader must know.

    Raises
    ------
    NotApplicable
        for more leaves than the memory holds.
    """
    whole = ~problem.space.missing(problem.samples).any(axis=1)
    reach = Reach.of(problem.space, problem.samples, problem.norm)
    leaves = Leaves.of(trees, reach, settings.memory_limit)
    coordinates = problem.space.to_coordinates(pool)
    for i in step.over(np.flatnonzero(whole).tolist(), "tree attack"):
        starts = _starts(problem, i, coordinates, pool_classes, trees, settings, seed)
        _descend(problem, best, i, starts, (leaves, reach.rows(np.array([i])), trees), settings)
    gone = int((~whole).sum())
    return [f"The tree attack left out {gone} samples that lack numbers."] if gone else []


def _starts(
    problem: Problem, i: int, coordinates: Array, classes: Array, trees: Trees, settings: Settings, seed: int
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


def _bisected(problem: Problem, i: int, points: Array, trees: Trees) -> tuple[Array, Array]:
    """Return the points moved towards the original while the trees' label is another one, and where it is at all."""
    origin, sample = problem.origins[i], np.repeat(problem.samples[i][None], len(points), axis=0)

    def other(tried: Array) -> Array:
        mask: Array = trees.scores(problem.space.to_samples(tried, sample)).argmax(axis=1) != problem.labels[i]
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


def _descend(
    problem: Problem, best: Best, i: int, starts: Array, known: tuple[Leaves, Reach, Trees], settings: Settings
) -> None:
    leaves, reach, trees = known
    if not len(starts):
        return
    label, size = int(problem.labels[i]), leaves.distances(reach)[0]
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
            descent.run(settings.rounds // 3)
            mine = descent.nearest[np.isfinite(descent.size)]
            if not descent.waits.any() or not len(mine):
                break
        reached.append(mine)
    _take(problem, best, i, np.vstack(reached))


def _take(problem: Problem, best: Best, i: int, samples: Array) -> None:
    """Keep the nearest one that the model itself confirms."""
    points = problem.space.to_coordinates(samples)
    waiting = np.arange(len(points))
    owner = np.full(len(points), i)
    for further in _FURTHER:
        if not len(waiting):
            break
        tried = problem.origins[i] + (1 + further) * (points[waiting] - problem.origins[i])
        good = problem.adversarial(tried, owner[waiting])
        best.take(tried[good], owner[waiting][good], problem.distances(tried[good], owner[waiting][good]))
        waiting = waiting[~good]
