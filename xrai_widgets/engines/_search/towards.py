"""Towards real samples with another label: models of neighbours have islands around them."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents

_NEAR = 50
_HALVINGS = 7
_FOLLOWED = 4  # of the nearest crossings


def towards_samples(
    contrast: Contrast, incumbents: Incumbents, pool: Array, classes: Array, step: Step, near: int = _NEAR
) -> tuple[Array, Incumbents]:
    """Go straight to each of the nearest samples of another label, and to the points half-way; fill ``incumbents``.

    Parameters
    ----------
    pool, classes : array (r, d), int array (r,)
        Real samples and what the model returns for them (`Contrast.outputs`).

    Returns
    -------
    owner : int array (m,)
    crossings : Incumbents
        The nearest few crossings of each instance, m in all: places from which to refine.
    """
    owners, crossings = [np.empty(0, dtype=np.intp)], []
    size = max(1, contrast.scorer.rows // (2 * near))
    for start in range(0, len(contrast.samples), size):
        step(start / len(contrast.samples), f"{contrast.mode}: towards real samples of another label")
        numbers = np.arange(start, min(start + size, len(contrast.samples)))
        targets, whose = _targets(contrast, incumbents, pool, classes, numbers, near)
        if len(targets):
            points, whose = _bisect(contrast, incumbents, targets, whose)
            cost = contrast.cost(points, whose)
            order = np.lexsort((cost, whose))
            rank = np.arange(len(order)) - np.searchsorted(whose[order], whose[order])
            chosen = order[rank < _FOLLOWED]
            owners.append(whose[chosen])
            crossings.append(points[chosen])
    owner = np.concatenate(owners)
    wide = contrast.part(owner)
    second = Incumbents.untouched(wide)
    if len(owner):
        second.ask(wide, np.vstack(crossings), np.arange(len(owner)))
    return owner, second


def _targets(
    contrast: Contrast, incumbents: Incumbents, pool: Array, classes: Array, numbers: Array, near: int
) -> tuple[Array, Array]:
    targets, owners = [np.empty((0, pool.shape[1]))], [np.empty(0, dtype=np.intp)]
    for number in numbers:
        others = pool[contrast.seen(classes, number) != contrast.labels[number]]
        if not len(others):
            continue
        owner = np.full(len(others), number)
        reached = contrast.allowed_from(others, owner)
        order = np.argsort(contrast.cost(reached, owner), kind="stable")[:near]
        targets.append(reached[order])
        owners.append(owner[order])
    ends, whose = np.vstack(targets), np.concatenate(owners)
    half = contrast.allowed((ends + contrast.origins[whose]) / 2, whose)
    asked, both = np.vstack([ends, half]), np.r_[whose, whose]
    if not len(asked):
        return asked, both
    _, _, success = incumbents.ask(contrast, asked, both)
    wins = success.reshape(2, -1)
    keep = np.r_[wins[0] & ~wins[1], wins[1]]  # where the point half-way has another label, it is the end
    return asked[keep], both[keep]


def _bisect(contrast: Contrast, incumbents: Incumbents, ends: Array, owner: Array) -> tuple[Array, Array]:
    """Return the crossings nearest to the origins on the way to ``ends``, and whose they are."""
    origins, best = contrast.origins[owner], ends.copy()
    low, high = np.zeros(len(ends)), np.ones(len(ends))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried = contrast.allowed(origins + middle[:, None] * (ends - origins), owner)
        _, _, success = incumbents.ask(contrast, tried, owner)
        best[success] = tried[success]
        high, low = np.where(success, middle, high), np.where(success, low, middle)
    return best, owner
