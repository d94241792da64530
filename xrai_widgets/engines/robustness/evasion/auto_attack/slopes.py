"""What an attack that follows slopes asks of a model: scores, their derivatives, and whether a label changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict, Step
from xrai_widgets.engines._problem import Best, Problem, settle

_ROWS = 512  # samples between two looks at whether the user has cancelled
_FINAL = 1e-5
_TINY = 1e-300
_WITHIN = 1 + 1e-9
OVERHEAD = 20  # queries of a run beside its steps: the rivals, the last look, and the way back to the boundary


Turn = TypeVar("Turn")
Weigh = Callable[[Array, Array], tuple[Array, Array]]  # scores (r, k) and whose they are → loss (r,), its derivative


def _nothing() -> None:
    pass


class Steer:
    """Weights of logits that are made of the logits as they come, batch by batch: one pass gives both.

    Parameters
    ----------
    weigh : callable
    owner : int array (r,)
        Whose rows they are.
    scores, loss : array (r, k), array (r,)
        Filled in place.
    """

    def __init__(self, weigh: Weigh, owner: Array, scores: Array, loss: Array) -> None:
        self._weigh, self._owner, self._scores, self._loss = weigh, owner, scores, loss

    def __getitem__(self, part: slice) -> "Steer":
        return Steer(self._weigh, self._owner[part], self._scores[part], self._loss[part])

    def __call__(self, logits: Array) -> Array:
        """Return the weights (r, k) for the logits of these rows."""
        self._scores[:] = logits
        self._loss[:], weights = self._weigh(logits, self._owner)
        return weights


class Ran(NamedTuple):
    """What an attack spent on each sample of the problem (n,), in queries, and what the reader must know."""

    spent: Array
    notes: list[str]


@dataclass(eq=False)
class Slopes:
    """Scores (r, k) of changed samples, of which the largest decides, and slopes of sums of them.

    Parameters
    ----------
    problem : Problem
    gradient : callable, optional
        (X, y) → derivative of the cross-entropy, as in a Subject.
    logits : callable, optional
        (n, …) → (n, k); without it the logarithms of the probabilities.
    logit_gradient : callable, optional
        (X, V) → derivative of Σ_j V_j z_j, in one pass; without it made of ``gradient``, class by class.
    pause : callable
        Called before each batch: raises where the user has cancelled.

    Attributes
    ----------
    spent : int array (n,)
        Queries asked for each sample of the problem: a prediction counts as one, a backward pass as two.
    classes : int
        How many scores there are; 0 before the first are asked.
    """

    problem: Problem
    gradient: Gradient | None = None
    logits: Predict | None = None
    logit_gradient: Callable[[Array, Array], Array] | None = None
    pause: Callable[[], None] = _nothing
    spent: Array = field(init=False)
    classes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.spent = np.zeros(len(self.problem.samples), dtype=np.int64)

    @property
    def rounds(self) -> bool:
        """Whether what the model is asked in the end is not the point itself but an allowed sample near it."""
        space = self.problem.space
        whole = any(kind.kind == "integer" or kind.group for kind in space.constraints)
        return bool(whole or space.fillable.any())

    @property
    def blind(self) -> bool:
        """Whether the scores of points as they are do not say their labels."""
        return self.rounds or self.problem.decide is not None

    def scores(self, points: Array, owner: Array) -> Array:
        """Return the scores (r, k) of points as they are; the label is that of the largest.

        Where nothing may be asked any more it is the sample's own.
        """
        problem = self.problem
        rows, parts = self._granted(owner, 1), []
        for part, samples in self._batches(points[rows], owner[rows]):
            if problem.offsets is not None:
                parts.append(problem.predict(samples) + problem.offsets[owner[rows][part]])
            elif self.logits is not None:
                parts.append(self.logits(samples))
            else:
                parts.append(np.log(np.maximum(problem.predict(samples), _TINY)))
        if parts:
            self.classes = parts[0].shape[1]
        return self._label_ahead(rows, parts, owner)

    def slope(self, points: Array, owner: Array, weights: Array) -> Array:
        """Return the derivative (r, D) of Σ_j weights_j · score_j, for weights (r, k) whose rows sum to 0."""
        if self.logit_gradient is None:
            parts = [
                self._class_by_class(samples, owner[part], weights[part])
                for part, samples in self._batches(points, owner)
            ]
            return self._along(np.concatenate(parts))
        rows, parts = self._granted(owner, 2), []
        for part, samples in self._batches(points[rows], owner[rows]):
            parts.append(self.logit_gradient(samples, weights[rows][part]))
        return self._spread(rows, parts, points)

    def both(self, points: Array, owner: Array, weigh: Weigh) -> tuple[Array, Array, Array]:
        """Return scores (r, k), the loss (r,) that ``weigh`` makes of them, and its slope (r, D).

        In one pass where the model takes a function of its logits, else in two.
        """
        if not (getattr(self.logit_gradient, "steerable", False) and self.problem.offsets is None and self.classes):
            scores = self.scores(points, owner)
            loss, weights = weigh(scores, owner)
            return scores, loss, self.slope(points, owner, weights)
        assert self.logit_gradient is not None
        rows, parts = self._granted(owner, 3), []
        scores, loss = np.empty((len(rows), self.classes)), np.empty(len(rows))
        for part, samples in self._batches(points[rows], owner[rows]):
            steer: Any = Steer(weigh, owner[rows][part], scores[part], loss[part])
            parts.append(self.logit_gradient(samples, steer))
        every = self._label_ahead(rows, [scores], owner)
        if len(rows) < len(owner):
            loss = weigh(every, owner)[0]
        return every, loss, self._spread(rows, parts, points)

    def loss_slope(self, points: Array, owner: Array, labels: Array | None = None) -> Array:
        """Return the derivative (r, D) of the cross-entropy of the samples' labels, or of others (r,)."""
        assert self.gradient is not None
        wanted = self.problem.labels[owner] if labels is None else labels
        rows, parts = self._granted(owner, 2), []
        for part, samples in self._batches(points[rows], owner[rows]):
            parts.append(self.gradient(samples, wanted[rows][part]))
        return self._spread(rows, parts, points)

    def broken(self, points: Array, owner: Array, scores: Array) -> Array:
        """Return whether each point, with the scores that it has as it is, gets another label."""
        if self.blind:
            some = np.arange(len(points))
        else:
            some = np.flatnonzero(scores.argmax(axis=1) != self.problem.labels[owner])
        mask = np.zeros(len(points), dtype=bool)
        for a in range(0, len(some), _ROWS):
            self.pause()
            part = some[a : a + _ROWS]
            mask[part] = self.problem.adversarial(points[part], owner[part])
        self.spent += np.bincount(owner[some], minlength=len(self.spent))
        return mask

    def keep(self, best: Best, points: Array, owner: Array) -> Array:
        """Put broken points into ``best`` as they are; return their distances."""
        distance = self.problem.distances(points, owner)
        best.take(points, owner, distance)
        return distance

    def settle(self, best: Best, points: Array, owner: Array) -> None:
        """Pull broken points to the boundary and keep the nearest ones."""
        for a in range(0, len(points), _ROWS):
            self.pause()
            settle(self.problem, best, points[a : a + _ROWS], owner[a : a + _ROWS], _FINAL)
        self.spent += int(np.ceil(np.log2(1 / _FINAL))) * np.bincount(owner, minlength=len(self.spent))

    def _class_by_class(self, samples: Array, owner: Array, weights: Array) -> Array:
        if self.gradient is None:
            raise ValueError("an attack that follows slopes needs gradient= or logit_gradient=, got neither")
        total = np.zeros(samples.shape)
        order = np.argsort(-np.abs(weights), axis=1, kind="stable")
        for rank in range(weights.shape[1]):
            chosen = order[:, rank]
            weight = weights[np.arange(len(weights)), chosen]
            some = np.flatnonzero(weight)
            if not len(some):
                break
            some = some[self._granted(owner[some], 2)]
            if not len(some):
                continue
            flow = self.gradient(samples[some], chosen[some])  # of logsumexp − score: the first part drops out
            total[some] -= flow * weight[some].reshape(-1, *[1] * (samples.ndim - 1))
        return total

    def _along(self, flow: Array) -> Array:
        space = self.problem.space
        along: Array = flow.reshape(len(flow), -1) * (space.slopes * space.free)
        return along

    def _batches(self, points: Array, owner: Array) -> Iterator[tuple[slice, Array]]:
        """Yield rows and what the model is asked there; what was not changed is what it was, to the last digit."""
        space, problem = self.problem.space, self.problem
        samples = problem.samples.reshape(len(problem.samples), -1)
        rows = min(_ROWS, problem.rows)
        for a in range(0, len(points), rows):
            self.pause()
            part = slice(a, a + rows)
            asked, before = points[part] * space.slopes + space.bounds[0], samples[owner[part]]
            same = (points[part] == problem.origins[owner[part]]) & np.isfinite(before)
            yield part, np.where(same, before, asked).reshape(-1, *problem.shape)

    def _granted(self, owner: Array, queries: int) -> Array:
        """Return the rows that may be asked, and count them."""
        rows = self.problem.granted(owner, queries)
        self.spent += queries * np.bincount(owner[rows], minlength=len(self.spent))
        return rows

    def _label_ahead(self, rows: Array, parts: list[Array], owner: Array) -> Array:
        """Return scores (r, k): of the rows that were asked, else those of a sure model that nothing has changed."""
        if parts and len(rows) == len(owner):
            return np.concatenate(parts)
        labels = self.problem.labels
        if not self.classes and self.problem.meter is not None:
            self.classes = self.problem.meter.classes
        every = np.zeros((len(owner), self.classes))
        every[np.arange(len(owner)), labels[owner]] = 1.0
        if parts:
            every[rows] = np.concatenate(parts)
        return every

    def _spread(self, rows: Array, parts: list[Array], points: Array) -> Array:
        """Return slopes (r, D) by coordinates, 0 where none was asked for."""
        every = np.zeros_like(points)
        if parts:
            every[rows] = self._along(np.concatenate(parts))
        return every


def rivals_of(slopes: Slopes, owner: Array, count: int) -> Array:
    """Return for each sample of the problem other classes (n, r), likeliest first; zeros but for those of ``owner``."""
    problem = slopes.problem
    scores = slopes.scores(problem.origins[owner], owner)
    rivals = np.zeros((len(problem.samples), min(count, slopes.classes - 1)), dtype=np.intp)
    rivals[owner] = likeliest_rivals(scores, problem.labels[owner], rivals.shape[1])
    return rivals


def likeliest_rivals(scores: Array, labels: Array, count: int) -> Array:
    """Return the classes (r, count) with the highest scores (r, k), but for the labels (r,)."""
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    rivals: Array = np.argsort(-others, axis=1, kind="stable")[:, :count]
    return rivals


def turns(
    problem: Problem, runs: Sequence[Turn], left: Callable[[], Array], step: Step
) -> Iterator[tuple[Turn, Array, Step]]:
    """Yield each run with some of the samples that are left when it begins, no more than fit, and their step."""
    for number, run in enumerate(runs):
        some = left()
        pieces = range(0, len(some), problem.rows)
        for piece, a in enumerate(pieces):
            first, width = number / len(runs), 1 / len(runs) / len(pieces)
            yield run, some[a : a + problem.rows], step.part(first + piece * width, first + (piece + 1) * width)


def streams_of(problem: Problem, owner: Array, seed: int, stream: int, *turn: int) -> list[np.random.Generator]:
    """Return the random streams of an attack's turn, one for each sample: none depends on the others."""
    return [np.random.default_rng([seed, stream, int(problem.numbers[i]), *turn]) for i in owner]


def standing(best: Best, radius: float) -> Array:
    """Return the samples for which nothing is known within the radius."""
    left: Array = np.flatnonzero(best.distance > radius * _WITHIN)
    return left


def within(distance: Array, radius: float) -> Array:
    """Return whether distances count as within the radius."""
    near: Array = distance <= radius * _WITHIN
    return near
