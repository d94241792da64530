"""Fast iterative shrinkage–thresholding on all instances and all values of c at once."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents

_NEWS = 10  # iterations between two pieces of news
_STILL = 1e-7  # a row that moves less than this in every feature has arrived


@dataclass(frozen=True)
class Settings:
    """Budget of the search."""

    max_iter: int = 1000
    binary_steps: int = 9
    c: float = 10.0
    rate: float = 0.01


def fista(contrast: Contrast, incumbents: Incumbents, settings: Settings, step: Step, partial: Partial = None) -> None:
    """Minimise c·max(−margin, −κ) + β‖δ‖₁ + ‖δ‖₂² + γ‖AE error‖² over the box, for several c; fill ``incumbents``.

    Beck and Teboulle 2009 with the paper's step size, which falls with the root of what is left. The paper looks for c
    one value after the other; here half of the values form a geometric grid around ``c``, the other half the bracket
    that the grid leaves for each instance. Of all iterates that succeed the cheapest is kept.
    """
    n, first = len(contrast.samples), (settings.binary_steps + 1) // 2
    grid = settings.c * 10.0 ** (np.arange(first) - first // 2)
    constants = np.repeat(grid[None], n, axis=0)
    share = first / settings.binary_steps
    success = _descend(contrast, incumbents, constants, settings, step.part(0.0, share), partial)
    second = settings.binary_steps - first
    if second:
        constants = _bracket(constants, success, second)
        _descend(contrast, incumbents, constants, settings, step.part(share, 1.0), partial)


def _bracket(constants: Array, success: Array, count: int) -> Array:
    """Return ``count`` values between the largest c that failed and the smallest that succeeded, (n, count)."""
    won = np.where(success, constants, np.inf).min(axis=1)
    below = np.where(~success & (constants < won[:, None]), constants, 0.0).max(axis=1)
    low = np.where(below > 0, below, won / 100)
    high = np.where(np.isfinite(won), won, below * 10.0 ** (count + 1))
    low = np.where(np.isfinite(won), low, below)
    between: Array = low[:, None] * (high / low)[:, None] ** (np.arange(1, count + 1) / (count + 1))
    return between


def _descend(
    contrast: Contrast, incumbents: Incumbents, constants: Array, settings: Settings, step: Step, partial: Partial
) -> Array:
    n, m = constants.shape
    owner, c = np.repeat(np.arange(n), m), constants.ravel()
    success = np.zeros(n * m, dtype=bool)
    row = np.arange(n * m)
    origins, span = contrast.origins[owner], contrast.span
    low, high = ((side[owner] - origins) / span for side in (contrast.low, contrast.high))
    change = np.zeros_like(origins)
    ahead = change.copy()
    for t in range(settings.max_iter):
        if t % _NEWS == 0:
            step(t / settings.max_iter, f"{contrast.mode}: iteration {t} of {settings.max_iter}", partial)
        points = contrast.allowed(origins[row] + ahead * span, owner[row])
        margin, rival, good = incumbents.ask(contrast, points, owner[row])
        success[row[good]] = True
        downhill = 2 * ahead + _uphill(contrast, points)
        pull = np.flatnonzero(margin < contrast.kappa)
        if len(pull):
            label = contrast.labels[owner[row[pull]]]
            first, second = (rival[pull], label) if contrast.mode == "PN" else (label, rival[pull])
            downhill[pull] -= c[row[pull], None] * contrast.scorer.slope(points[pull], first, second) * span
        rate = settings.rate * np.sqrt(1 - t / settings.max_iter)
        moved = ahead - rate * downhill
        shrunk = np.sign(moved) * np.maximum(np.abs(moved) - rate * contrast.beta, 0.0)
        new = np.clip(shrunk, low[row], high[row])
        further = np.clip(new + t / (t + 3) * (new - change), low[row], high[row])
        goes = np.maximum(np.abs(new - change), np.abs(further - ahead)).max(axis=1) > _STILL
        change, ahead, row = new[goes], further[goes], row[goes]
        if not len(row):
            break
    return success.reshape(n, m)


def _uphill(contrast: Contrast, points: Array) -> Array | float:
    return 0.0 if contrast.penalty is None else contrast.penalty.slope(points) * contrast.span
