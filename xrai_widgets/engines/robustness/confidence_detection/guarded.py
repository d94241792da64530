"""Samples under attack by somebody who knows the detector: what is asked, and the most trusted find so far."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.decision import labels
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines.robustness.confidence_detection.detector import Detector

_TINY = 1e-300
_ROUNDING = 1e-9  # relative: what lies at ε lies within


class Look(NamedTuple):
    """What the model says of changed samples.

    Parameters
    ----------
    outputs : array (r, k)
        Probabilities.
    turned : bool array (r,)
        Whether another label is given.
    lead : array (r,)
        Log-probability of the largest rival less that of the label that must go: where it is not turned, how near it
        is to that.
    score : array (r,)
        The detector's: higher is more trustworthy.
    """

    outputs: Array
    turned: Array
    lead: Array
    score: Array

    @property
    def fitness(self) -> Array:
        """Return what an attacker wants more of: another label first, then trust."""
        value = np.where(self.turned, self.score, self.lead)
        worth: Array = value / (1.0 + np.abs(value)) + 3.0 * self.turned
        return worth


@dataclass(eq=False)
class Guarded:
    """The problem, the detector, and for each sample the most trusted change inside ε that gets another label.

    Parameters
    ----------
    problem : Problem
    detector : Detector
    epsilon : float
    samples : array (n, d)
        Flat, as the model gets them; the originals where nothing is there yet.
    score : array (n,)
        −∞ where nothing is there yet.
    """

    problem: Problem
    detector: Detector
    epsilon: float
    samples: Array = field(init=False)
    score: Array = field(init=False)

    def __post_init__(self) -> None:
        self.samples = self.problem.samples.copy()
        self.score = np.full(len(self.samples), -np.inf)

    @property
    def broken(self) -> Array:
        """Mask of the samples for which something is there."""
        return np.isfinite(self.score)

    def look(self, points: Array, owner: Array) -> Look:
        """Ask the model about points (r, D) as changes of the samples ``owner``, and keep what is more trusted."""
        return self.look_at(self.problem.space.to_samples(points, self.problem.samples[owner]), owner)

    def look_at(self, changed: Array, owner: Array) -> Look:
        """Ask the model about allowed flat samples (r, d), and keep those that are more trusted than what is there."""
        rows = self.problem.rows
        parts = [self._read(changed[a : a + rows], owner[a : a + rows]) for a in range(0, len(changed), rows)]
        look = Look(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        originals = self.problem.samples[owner]
        distance = self.problem.space.distance(changed, originals, self.problem.norm)
        good = np.flatnonzero(look.turned & (distance <= self.epsilon * (1 + _ROUNDING)))
        order = good[np.lexsort((-look.score[good], owner[good]))]
        first = order[np.diff(owner[order], prepend=-1) > 0]
        first = first[look.score[first] > self.score[owner[first]]]
        self.samples[owner[first]], self.score[owner[first]] = changed[first], look.score[first]
        return look

    def _read(self, changed: Array, owner: Array) -> Look:
        problem = self.problem
        X = changed.reshape(-1, *problem.shape)
        outputs = self.detector.outputs(X)
        mine = problem.labels[owner]
        turned = labels(problem.predict, problem.decide, X, outputs) != mine
        others, row = outputs.copy(), np.arange(len(outputs))
        others[row, mine] = 0.0
        lead = np.log(np.maximum(others.max(axis=1), _TINY)) - np.log(np.maximum(outputs[row, mine], _TINY))
        return Look(outputs, turned, lead, self.detector.scores(X, outputs))

    def held(self, points: Array, owner: Array) -> Array:
        """Return the points, moved into the ball and the ranges."""
        return self.problem.held(points, self.epsilon, self.problem.around(owner))

    def anywhere(self, owner: Array, streams: list[np.random.Generator]) -> Array:
        """Return a random point of the ball for each of the samples ``owner``, one from each stream."""
        origins = self.problem.origins[owner]
        noise = np.stack([stream.uniform(-1, 1, origins.shape[1]) for stream in streams])
        if self.problem.norm != "linf":
            radius = np.stack([stream.uniform(0, 1, 1) for stream in streams])
            noise *= np.sqrt(radius) / np.linalg.norm(noise, axis=1, keepdims=True)
        return self.held(origins + self.epsilon * noise, owner)
