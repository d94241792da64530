"""Changes drawn at random that are no larger than given ones: what changes predictions by chance?"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from xrai_widgets.core import Array, Finding, NotApplicable, Predict, Step
from xrai_widgets.core.decision import labels
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._space import Norm, Space, length
from xrai_widgets.engines._statistics import Estimate

_DRAWS = 8  # of each change
_CELLS = 1_000_000  # numbers that are drawn at once
_CHANGED = 1e-6  # share of a feature's range from which on it counts as changed


class RandomChange:
    """Draws changes of the size and kind of given ones.

    As many categories change, and as many one-hot groups, each to another member; the numbers move together by as much
    as they did, in a direction that is uniform over all of them, or over as many of them as were changed. What leaves
    the ranges is cut, and whole numbers are rounded towards the sample, so that no change is larger than the given one.

    Parameters
    ----------
    space : Space
    norm : {"l0", "l1", "l2", "linf"}
        In l0 the numbers move by the same length.
    sparse : bool
        Move as many numbers as were changed, and not all.
    """

    def __init__(self, space: Space, norm: Norm, *, sparse: bool) -> None:
        self.space, self.norm, self.sparse = space, norm, sparse
        kinds = space.constraints
        names = sorted({kind.group for kind in kinds if kind.group})
        groups = [np.array([c for c, kind in enumerate(kinds) if kind.group == name]) for name in names]
        self._groups = [columns for columns in groups if not space.fixed[columns].any()]
        free = [c for c, kind in enumerate(kinds) if not space.fixed[c] and not kind.group]
        self._categories = [c for c in free if kinds[c].kind == "category"]
        self._numbers = np.array([c for c in free if kinds[c].kind != "category"], dtype=np.intp)
        self._whole = np.array([kinds[c].kind == "integer" for c in self._numbers], dtype=bool)

    @property
    def freedom(self) -> int:
        """How many columns, and groups of columns, can change."""
        return len(self._groups) + len(self._categories) + len(self._numbers)

    def draw(self, samples: Array, changed: Array, rng: np.random.Generator) -> Array:
        """Return one random change (n, d) of each flat sample, of the size of ``changed``."""
        share = self.space.share(changed, samples)
        moved = samples.copy()
        self._turn_categories(moved, share, rng)
        self._turn_groups(moved, share, rng)
        self._move_numbers(moved, share, rng)
        return self.space.to_samples(self.space.to_coordinates(moved), samples)

    def _turn_categories(self, moved: Array, share: Array, rng: np.random.Generator) -> None:
        turned = _some(share[:, self._categories] > 0, rng)
        for place, column in enumerate(self._categories):
            count = len(self.space.constraints[column].categories)
            other = np.rint(moved[:, column]) + rng.integers(1, max(count, 2), len(moved))
            moved[:, column] = np.where(turned[:, place], other % count, moved[:, column])

    def _turn_groups(self, moved: Array, share: Array, rng: np.random.Generator) -> None:
        if not self._groups:
            return
        turned = _some(np.stack([(share[:, columns] > _CHANGED).any(axis=1) for columns in self._groups], axis=1), rng)
        for place, columns in enumerate(self._groups):
            count = len(columns)
            other = (moved[:, columns].argmax(axis=1) + rng.integers(1, max(count, 2), len(moved))) % count
            rows = turned[:, place]
            moved[np.ix_(rows, columns)] = np.eye(count)[other[rows]]

    def _move_numbers(self, moved: Array, share: Array, rng: np.random.Generator) -> None:
        mine = share[:, self._numbers]
        noise = rng.standard_normal(mine.shape)
        if self.sparse:
            noise *= _some(mine > _CHANGED, rng)
        wanted, got = (self._size(part) for part in (mine, noise))
        step = noise * (wanted / np.maximum(got, 1e-300))[:, None] * self.space.span[self._numbers]
        step[:, self._whole] = np.fix(step[:, self._whole] + 1e-9 * np.sign(step[:, self._whole]))
        moved[:, self._numbers] += step

    def _size(self, part: Array) -> Array:
        if not part.shape[1]:
            return np.zeros(len(part))
        return length(part, "l2" if self.norm == "l0" else self.norm)


def _some(chosen: Array, rng: np.random.Generator) -> Array:
    """Return a mask with as many places per row as ``chosen`` has, drawn at random."""
    order = rng.random(chosen.shape).argsort(axis=1).argsort(axis=1)
    mask: Array = order < chosen.sum(axis=1, keepdims=True)
    return mask


def turned_by_chance(
    predict: Predict,
    shape: tuple[int, ...],
    samples: Array,
    changed: Array,
    change: RandomChange,
    seed: int,
    step: Step,
    decide: Predict | None = None,
    tolerance: float | None = None,
) -> Array:
    """Return for each changed sample (m,) the share of random changes of the same size that change its prediction.

    A draw that is the given change itself is not counted; where only such ones are drawn the share is NaN.

    Parameters
    ----------
    predict : callable
    shape : tuple of int
        Shape of one sample for ``predict``.
    samples, changed : array (m, d)
        Flat samples and their changes; missing numbers (NaN) stand in both, or in neither.
    decide : callable, optional
        Says the model's classes where they are not the most probable ones.
    tolerance : float, optional
        For a regression: only a change of the prediction by more than this counts.

    Raises
    ------
    NotApplicable
        if a single column can change: the one other direction is the opposite.
    """
    if change.freedom < 2:
        raise NotApplicable("where a single column can change there is no other direction")
    if (blanks := Blanks.of(change.space.bounds, samples)) is not None:
        change = RandomChange(replace(change.space, blanks=blanks), change.norm, sparse=change.sparse)
        samples, changed, predict = blanks.fill(samples), blanks.fill(changed), blanks.asking(predict)
        decide = blanks.ruling(decide)
    rng = np.random.default_rng([seed, 4])
    rows = max(64, _CELLS // max(samples.shape[1], 1))
    share = np.full(len(samples), np.nan)
    for start in range(0, len(samples), rows):
        step(start / len(samples), "random changes")
        part = slice(start, start + rows)
        before, given = samples[part], changed[part]
        largest = change.space.distance(given, before, change.norm) * (1 + 1e-6) + 1e-12
        ask = partial(labels, predict, decide) if tolerance is None else predict
        predictions = ask(before.reshape(-1, *shape))
        turned, counted = np.zeros(len(before)), np.zeros(len(before))
        for _ in range(_DRAWS):
            drawn = change.draw(before, given, rng)
            other = (np.abs(drawn - given) > 1e-12).any(axis=1)
            other &= change.space.distance(drawn, before, change.norm) <= largest
            now = ask(drawn.reshape(-1, *shape))
            turned += other & (now != predictions if tolerance is None else np.abs(now - predictions) > tolerance)
            counted += other
        share[part] = np.where(counted > 0, turned / np.maximum(counted, 1), np.nan)
    return share


def finding_of(estimates: Mapping[str, tuple[Estimate, int]]) -> Finding:
    """Return estimates, each with its count, as a finding; those of no sample are left out."""
    measured = {key: pair for key, pair in estimates.items() if pair[1]}
    return Finding(
        values={key: estimate.value for key, (estimate, _) in measured.items()},
        intervals={key: (estimate.low, estimate.high) for key, (estimate, _) in measured.items()},
        counts={key: count for key, (_, count) in measured.items()},
    )
