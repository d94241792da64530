"""From an adversarial sample to nearer ones, where only the values are known at which a model splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import Problem, nearest
from xrai_widgets.engines._search.levels import Levels
from xrai_widgets.engines.robustness.evasion.leaf_moves import length

_CUTS = (0.995, 0.95, 0.8)
_SCALES = (0.7, 0.9)
_OUT = 3  # thresholds beyond the sample that a column may go to
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Splits:
    """What the model splits at, and how samples move there."""

    problem: Problem
    levels: Levels

    @classmethod
    def of(cls, problem: Problem, thresholds: Sequence[Array]) -> "Splits":
        """Read the thresholds inside the ranges."""
        return cls(problem, Levels.of(thresholds, problem.space))

    def shrink(self, samples: Array, owner: Array, queries: int) -> Array:
        """Return nearer samples (m, d) with another label; the model is asked ``queries`` times for each of them."""
        samples, size = samples.copy(), self._size(samples, owner)
        left = np.full(len(samples), float(queries))
        waits = np.arange(len(samples))
        while len(waits):
            better = []
            for place in waits:
                tried = self._candidates(samples[place], int(owner[place]), float(size[place]))
                left[place] -= len(tried)
                if len(tried) and left[place] >= 0:
                    better.append((np.full(len(tried), place), tried))
            if not better:
                break
            whose, tried = (np.concatenate(part) for part in zip(*better, strict=True))
            good = self._changed(tried, owner[whose])
            whose, tried = whose[good], tried[good]
            snapped = self._allowed(self.levels.snap(tried, self.problem.samples[owner[whose]]), owner[whose])
            kept = self._changed(snapped, owner[whose])
            tried = np.where(kept[:, None], snapped, tried)
            far = self._size(tried, owner[whose])
            first = nearest(whose, far)
            first = first[far[first] < size[whose[first]] * (1 - _SAME)]
            waits = whose[first]
            samples[waits], size[waits] = tried[first], far[first]
        return samples

    def _changed(self, samples: Array, owner: Array) -> Array:
        points = self.problem.space.to_coordinates(samples)
        return self.problem.adversarial(points, owner) if len(points) else np.zeros(0, dtype=bool)

    def _allowed(self, samples: Array, owner: Array) -> Array:
        space = self.problem.space
        return space.to_samples(space.to_coordinates(samples), self.problem.samples[owner])

    def _size(self, samples: Array, owner: Array) -> Array:
        space = self.problem.space
        return length(space.share(samples, self.problem.samples[owner]), self.problem.norm)

    def _candidates(self, sample: Array, i: int, size: float) -> Array:
        """Return allowed samples that are nearer."""
        origin, span, norm = self.problem.samples[i], self.problem.space.span, self.problem.norm
        tried = []
        for column in np.flatnonzero(sample != origin):
            tried += [_put(sample, column, value) for value in (origin[column], *self._between(column, sample, origin))]
        if norm == "linf":
            for share in _CUTS:
                room = share * size * span
                cut = np.clip(sample, origin - room, origin + room)
                tried.append(cut)
                moves = [j for j, cuts in enumerate(self.levels.values) if len(cuts)]
                tried += [_put(cut, j, origin[j] + sign * room[j]) for j in moves for sign in (-1, 1)]
        else:
            for share in _SCALES:
                scaled = origin + share * (sample - origin)
                tried.append(scaled)
                for j, cuts in enumerate(self.levels.values):
                    after = self.levels.after(j, cuts, np.full(len(cuts), origin[j]))
                    out = [*np.sort(after[after > origin[j]])[:_OUT], *np.sort(after[after < origin[j]])[-_OUT:]]
                    tried += [_put(scaled, j, value) for value in out]
        if not tried:
            return np.empty((0, len(origin)))
        owner = np.full(len(tried), i)
        rows = self._allowed(np.array(tried), owner)
        return np.unique(rows[self._size(rows, owner) < size * (1 - _SAME)], axis=0)

    def _between(self, column: int, sample: Array, origin: Array) -> Array:
        """Return the values just beyond the thresholds that lie between, seen from the original."""
        low, high = sorted((sample[column], origin[column]))
        cuts = self.levels.values[column]
        cuts = cuts[(cuts > low) & (cuts < high)]
        some = cuts if len(cuts) <= 2 * _OUT else np.r_[cuts[:_OUT], cuts[-_OUT:]]
        return self.levels.after(column, some, np.full(len(some), origin[column]))


def _put(sample: Array, column: int, value: float) -> Array:
    changed = sample.copy()
    changed[column] = value
    return changed
