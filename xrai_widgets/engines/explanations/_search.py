"""How an explanation is looked for: exactly where that can be done, else by slopes, else feature by feature."""

from dataclasses import dataclass

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast, Found
from xrai_widgets.engines._search.coordinates import Budget, coordinate_search, trim
from xrai_widgets.engines._search.leaves import cross_leaves
from xrai_widgets.engines._search.planes import approach, cross_planes, polish
from xrai_widgets.engines.explanations._fista import Settings, fista

_APPROACH, _POLISH = 15, 30


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


def explain(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> None:
    """Fill ``found``, as many instances at a time as memory allows."""
    n = len(contrast.samples)
    size = max(1, means.rows // means.settings.binary_steps)
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        here = step.part(start / n, part.stop / n)
        _explain_part(contrast.part(part), found.part(part), means, here, partial)


def _explain_part(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> None:
    step(0.0, contrast.mode, partial)
    found.begin(contrast)
    linear = means.plane is not None and (contrast.mode == "PN" or means.plane[0].shape[1] == 2)
    if linear and means.plane is not None:
        cross_planes(contrast, found, *means.plane)
    elif means.regions is not None and contrast.penalty is None:
        cross_leaves(contrast, found, means.regions, step, partial)
    elif means.search != "coordinate" and contrast.answers.gradient is not None:
        fista(contrast, found, means.settings, step.part(0.0, 0.88), partial)
        _refine(contrast, found, means, step.part(0.88, 1.0), partial)
    elif contrast.answers.differences is None:
        coordinate_search(contrast, found, means.pool, means.budget, step, partial)
    else:
        coordinate_search(contrast, found, means.pool, means.budget, step.part(0.0, 0.7), partial)
        _refine(contrast, found, means, step.part(0.7, 1.0), partial)


def _refine(contrast: Contrast, found: Found, means: Means, step: Step, partial: Partial) -> None:
    """Walk along the slopes, towards each rival and from what is found so far."""
    approach(contrast, found, _APPROACH, step.part(0.0, 0.4))
    polish(contrast, found, _POLISH, step.part(0.4, 0.8))
    trim(contrast, found, step.part(0.8, 1.0), partial, rows=means.rows, back=(0.0,))
