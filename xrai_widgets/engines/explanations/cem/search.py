"""How an explanation is looked for: exactly where that can be done, else by slopes, else feature by feature."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.coordinates import Budget, coordinate_search
from xrai_widgets.engines._search.filling import fill_gaps
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.leaves import cross_leaves
from xrai_widgets.engines._search.levels import Levels, enumerate_cells, snap
from xrai_widgets.engines._search.nearby import probe, refine
from xrai_widgets.engines._search.planes import cross_planes
from xrai_widgets.engines._search.tangents import approach, polish
from xrai_widgets.engines._search.trimming import trim
from xrai_widgets.engines.explanations.cem.fista import Settings, fista

_APPROACH, _POLISH = 15, 30
_FLAT, _WIDE, _ROUNDS = 2400, 120, 40  # random points where there are few columns, and many; rounds of refining
_AMONG_CELLS = 6  # rounds where taking back from threshold to threshold has done most
_FEW = 4  # columns


@dataclass(frozen=True, eq=False)
class Means:
    """What the search may use."""

    plane: tuple[Array, Array] | None
    regions: Array | None
    search: str
    settings: Settings
    budget: Budget
    pool: Array
    rows: int
    seed: int
    levels: Levels | None = None
    declared_linear: bool = False  # declared by the subject, not guessed from its predictions


def explain(contrast: Contrast, incumbents: Incumbents, means: Means, step: Step, partial: Partial) -> Array:
    """Fill ``incumbents``, as many instances at a time as memory allows; return for which the optimum is known (n,)."""
    n = len(contrast.samples)
    settled = np.zeros(n, dtype=bool)
    size = max(1, means.rows // means.settings.binary_steps)
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        here = step.part(start / n, part.stop / n)
        settled[part] = _explain_part(contrast.part(part), incumbents.part(part), means, here, partial)
    return settled


def _explain_part(contrast: Contrast, incumbents: Incumbents, means: Means, step: Step, partial: Partial) -> Array:
    step(0.0, contrast.mode, partial)
    incumbents.begin(contrast)
    settled = np.zeros(len(contrast.samples), dtype=bool)
    served = settled.copy()
    linear = means.plane is not None and (contrast.mode == "PN" or means.plane[0].shape[1] == 2)
    if linear and means.plane is not None:
        served = cross_planes(contrast, incumbents, *means.plane)
        settled = incumbents.done & served if means.declared_linear else settled
    elif means.regions is not None and contrast.penalty is None:
        settled = cross_leaves(contrast, incumbents, means.regions, step, partial)
        lacking = contrast.space.missing(contrast.samples).any(axis=1)
        served = np.logical_not(lacking & (len(means.regions) < 3))
    rest = np.flatnonzero(~served)
    if len(rest) == len(served):
        return _searched(contrast, incumbents, means, step, partial)
    if len(rest):  # gaps of which the form says nothing
        part, second = contrast.part(rest), incumbents.part(rest)
        settled[rest] = _searched(part, second, means, step, partial)
        incumbents.better(contrast, rest, second)
    return settled


def _searched(contrast: Contrast, incumbents: Incumbents, means: Means, step: Step, partial: Partial) -> Array:
    if means.search != "coordinate" and contrast.scorer.gradient is not None:
        fista(contrast, incumbents, means.settings, step.part(0.0, 0.88), partial)
        _refine(contrast, incumbents, means, step.part(0.88, 0.95), partial)
        return _around(contrast, incumbents, means, step.part(0.95, 1.0))
    if contrast.scorer.differences is None:
        coordinate_search(contrast, incumbents, means.pool, means.budget, step.part(0.0, 0.8), partial)
        return _around(contrast, incumbents, means, step.part(0.8, 1.0))
    coordinate_search(contrast, incumbents, means.pool, means.budget, step.part(0.0, 0.6), partial)
    _refine(contrast, incumbents, means, step.part(0.6, 0.85), partial)
    return _around(contrast, incumbents, means, step.part(0.85, 1.0))


def _refine(contrast: Contrast, incumbents: Incumbents, means: Means, step: Step, partial: Partial) -> None:
    """Walk along the slopes, towards each rival and from what is found so far."""
    approach(contrast, incumbents, _APPROACH, step.part(0.0, 0.4))
    polish(contrast, incumbents, _POLISH, step.part(0.4, 0.8))
    trim(contrast, incumbents, step.part(0.8, 1.0), partial, rows=means.rows, back=(0.0,))


def _around(contrast: Contrast, incumbents: Incumbents, means: Means, step: Step) -> Array:
    """Look for narrow regions near the instance, and around what was found; return for which the optimum is known."""
    settled = np.zeros(len(contrast.samples), dtype=bool)
    fill_gaps(contrast, incumbents, means.pool, means.budget, step.part(0.0, 0.1))
    if means.levels is not None:
        settled = enumerate_cells(contrast, incumbents, means.levels)
    if settled.all():
        return settled
    few = int(contrast.moving.sum()) <= _FEW
    probe(contrast, incumbents, _FLAT if few else _WIDE, means.seed, step.part(0.1, 0.5), means.levels)
    rounds = _ROUNDS if means.levels is None or few else _AMONG_CELLS
    refine(contrast, incumbents, rounds, means.seed, step.part(0.5, 0.9), levels=means.levels)
    # random steps leave small changes of features that do not matter
    trim(contrast, incumbents, step.part(0.9, 1.0), rows=means.rows, back=(0.0,))
    if means.levels is not None:
        snap(contrast, incumbents, means.levels, np.flatnonzero(incumbents.done & (incumbents.cost > 0)))
    return settled
