"""Gaps that may be filled: which numbers in place of missing ones alter the prediction, alone or with others?"""

import itertools
from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.coordinates import Budget, coordinate_search, values_of
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.tangents import approach, polish

_MOST = 300  # ways to fill the gaps of one instance that are asked for
_KEPT = 2  # of them, for each number of filled gaps, from where other columns are changed, too
_APPROACH, _POLISH = 10, 20


def fill_gaps(
    contrast: Contrast,
    incumbents: Incumbents,
    pool: Array,
    budget: Budget,
    step: Step,
    partial: Partial = None,
    outputs: Array | None = None,
) -> None:
    """Fill ``incumbents`` with what comes of gaps that are filled; ``outputs`` are the model's for the pool.

    Any number costs the same, so that the ways to fill them are tried first; the most promising ones are instances of
    their own then, of which the other columns are changed.
    """
    owner = np.flatnonzero(contrast.fillable.any(axis=1))
    if not len(owner):
        return
    step(0.0, f"{contrast.mode}: missing numbers filled", partial)
    values = {c: values_of(contrast, c, pool, budget) for c in np.flatnonzero(contrast.fillable.any(axis=0))}
    starts, whose = [], []
    for number in owner:
        ways = _ways(contrast, number, values)
        margin, _, _ = incumbents.ask(contrast, ways, np.full(len(ways), number))
        filled = (ways != contrast.origins[number]).sum(axis=1)
        order = np.lexsort((-margin, filled))
        rank = np.arange(len(order)) - np.searchsorted(filled[order], filled[order])
        starts.append(ways[order[rank < _KEPT]])
        whose += [number] * len(starts[-1])
    points, owner = np.vstack(starts), np.array(whose)
    low, high, gaps = contrast.low[owner].copy(), contrast.high[owner].copy(), contrast.fillable[owner]
    low[gaps] = high[gaps] = points[gaps]
    wide = replace(contrast.part(owner), origins=points, low=low, high=high)
    second = Incumbents.untouched(wide)
    second.begin(wide)
    if contrast.scorer.gradient is not None or contrast.scorer.differences is not None:
        approach(wide, second, _APPROACH, step.part(0.1, 0.5))
        polish(wide, second, _POLISH, step.part(0.5, 1.0))
    else:
        coordinate_search(wide, second, pool, budget, step.part(0.1, 1.0), partial, outputs)
    done = np.flatnonzero(second.done)
    if len(done):
        incumbents.ask(contrast, second.points[done], owner[done])


def _ways(contrast: Contrast, number: int, values: dict[int, list[Array]]) -> Array:
    """Return the instance with one or more of its gaps filled (w, d): in all ways, or in so many at random."""
    origin, columns = contrast.origins[number], np.flatnonzero(contrast.fillable[number])
    sides = [_numbers(contrast, number, column, values[column]) for column in columns]
    if np.prod([len(side) + 1.0 for side in sides]) <= _MOST:
        every = itertools.product(*([origin[c], *side] for c, side in zip(columns, sides, strict=True)))
        put = np.array(list(every))
    else:
        rng = np.random.default_rng(len(columns))
        some = rng.random((_MOST, len(columns))) < rng.random((_MOST, 1))
        drawn = np.column_stack([rng.choice(side, _MOST) for side in sides])
        put = np.where(some, drawn, origin[columns])
    ways = np.repeat(origin[None], len(put), axis=0)
    ways[:, columns] = put
    ways = contrast.allowed(ways, np.full(len(ways), number))
    filled: Array = ways[(ways != origin).any(axis=1)]
    return filled


def _numbers(contrast: Contrast, number: int, column: int, values: list[Array]) -> Array:
    """Return the numbers that a gap may be filled with."""
    low, high = contrast.space.bounds[:, column]
    numbers = np.array([value[number] for value in values])
    numbers = np.rint(numbers) if contrast.space.constraints[column].kind == "integer" else numbers
    return np.unique(numbers[(numbers >= low) & (numbers <= high)])
