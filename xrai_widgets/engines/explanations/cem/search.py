"""How an explanation is looked for: exactly where that can be done, else by slopes, else feature by feature."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.coordinates import Budget, coordinate_search
from xrai_widgets.engines._search.filling import fill_gaps
from xrai_widgets.engines._search.found import Found
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
    known_linear: bool = False  # told by the subject, not guessed from its answers


def explain(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> Array:
    """Fill ``found``, as many instances at a time as memory allows; return for which the optimum is known (n,)."""
    n = len(contrast.samples)
    settled = np.zeros(n, dtype=bool)
    size = max(1, means.rows // means.settings.binary_steps)
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        here = step.part(start / n, part.stop / n)
        settled[part] = _explain_part(contrast.part(part), found.part(part), means, here, partial)
    return settled


def _explain_part(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> Array:
    step(0.0, contrast.mode, partial)
    found.begin(contrast)
    settled = np.zeros(len(contrast.samples), dtype=bool)
    served = settled.copy()
    linear = means.plane is not None and (contrast.mode == "PN" or means.plane[0].shape[1] == 2)
    if linear and means.plane is not None:
        served = cross_planes(contrast, found, *means.plane)
        settled = found.done & served if means.known_linear else settled
    elif means.regions is not None and contrast.penalty is None:
        settled = cross_leaves(contrast, found, means.regions, step, partial)
        lacking = contrast.space.missing(contrast.samples).any(axis=1)
        served = np.logical_not(lacking & (len(means.regions) < 3))
    rest = np.flatnonzero(~served)
    if len(rest) == len(served):
        return _searched(contrast, found, means, step, partial)
    if len(rest):  # gaps of which the form says nothing
        part, second = contrast.part(rest), found.part(rest)
        settled[rest] = _searched(part, second, means, step, partial)
        found.better(contrast, rest, second)
    return settled


def _searched(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> Array:
    if means.search != "coordinate" and contrast.answers.gradient is not None:
        fista(contrast, found, means.settings, step.part(0.0, 0.88), partial)
        _refine(contrast, found, means, step.part(0.88, 0.95), partial)
        return _around(contrast, found, means, step.part(0.95, 1.0))
    if contrast.answers.differences is None:
        coordinate_search(contrast, found, means.pool, means.budget, step.part(0.0, 0.8), partial)
        return _around(contrast, found, means, step.part(0.8, 1.0))
    coordinate_search(contrast, found, means.pool, means.budget, step.part(0.0, 0.6), partial)
    _refine(contrast, found, means, step.part(0.6, 0.85), partial)
    return _around(contrast, found, means, step.part(0.85, 1.0))


def _refine(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> None:
    """Walk along the slopes, towards each rival and from what is found so far."""
    approach(contrast, found, _APPROACH, step.part(0.0, 0.4))
    polish(contrast, found, _POLISH, step.part(0.4, 0.8))
    trim(contrast, found, step.part(0.8, 1.0), partial, rows=means.rows, back=(0.0,))


def _around(contrast: Contrast, found: Found, means: Means, step: Step) -> Array:
    """Look for narrow regions near the instance, and around what was found; return for which the optimum is known."""
    settled = np.zeros(len(contrast.samples), dtype=bool)
    fill_gaps(contrast, found, means.pool, means.budget, step.part(0.0, 0.1))
    if means.levels is not None:
        settled = enumerate_cells(contrast, found, means.levels)
    if settled.all():
        return settled
    few = int(contrast.moving.sum()) <= _FEW
    probe(contrast, found, _FLAT if few else _WIDE, means.seed, step.part(0.1, 0.5), means.levels)
    rounds = _ROUNDS if means.levels is None or few else _AMONG_CELLS
    refine(contrast, found, rounds, means.seed, step.part(0.5, 0.9), levels=means.levels)
    # random steps leave small changes of features that do not matter
    trim(contrast, found, step.part(0.9, 1.0), rows=means.rows, back=(0.0,))
    if means.levels is not None:
        snap(contrast, found, means.levels, np.flatnonzero(found.done & (found.cost > 0)))
    return settled
