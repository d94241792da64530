"""The search for changes whose largest part is small: every column moves to an end of a shrinking cube."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents

_SHARES = (0.8, 0.9, 0.97)  # of the radius, tried in turn
_HALVINGS = 7


def shrink_cube(contrast: Contrast, incumbents: Incumbents, rounds: int, step: Step) -> None:
    """Shrink the cube around each instance that holds what was found, and make up for it in single columns.

    Cut at a smaller cube, the point may lose its label; then every column is tried at either end of the cube, and
    those moves are joined that raise the margin, the best 1, 2, 4, … of them and all.
    """
    columns = np.flatnonzero(contrast.moving)
    level = np.zeros(len(incumbents.cost), dtype=int)
    for number in range(rounds):
        owner = np.flatnonzero(incumbents.done & (incumbents.cost > 0) & (level < len(_SHARES)))
        if not len(owner) or not len(columns):
            return
        step(number / rounds, f"{contrast.mode}: a smaller cube")
        before = incumbents.cost[owner].copy()
        size = max(1, contrast.scorer.rows // (2 * len(columns) + 1))
        for start in range(0, len(owner), size):
            part = owner[start : start + size]
            _swap(contrast, incumbents, part, columns, np.array(_SHARES)[level[part]])
        won = incumbents.cost[owner] < before * (1 - 1e-9)
        pull_cube(contrast, incumbents, owner[won])
        level[owner[~won]] += 1


def _swap(contrast: Contrast, incumbents: Incumbents, owner: Array, columns: Array, share: Array) -> None:
    span, origins = contrast.span, contrast.origins[owner]
    radius = (share * incumbents.cost[owner])[:, None]
    change = np.clip((incumbents.points[owner] - origins) / span, -radius, radius)
    width = len(columns)
    ends = np.repeat(change[:, None], 2 * width + 1, axis=1)
    ends[:, np.arange(width), columns] = radius
    ends[:, width + np.arange(width), columns] = -radius
    whose = np.repeat(owner, 2 * width + 1)
    flat = ends.reshape(-1, len(span))
    points = contrast.allowed(contrast.origins[whose] + flat * span, whose)
    margin, _, _ = incumbents.ask(contrast, points, whose)
    margins = margin.reshape(len(owner), -1)
    base, up, down = margins[:, -1], margins[:, :width], margins[:, width:-1]
    gain, sign = np.maximum(up, down) - base[:, None], np.where(up >= down, 1.0, -1.0)
    rank = (-gain).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    count = 2
    while count < 2 * width:
        together = change.copy()
        chosen = (rank < count) & (gain > 0)
        together[:, columns] = np.where(chosen, sign * radius, change[:, columns])
        incumbents.ask(contrast, contrast.allowed(origins + together * span, owner), owner)
        count *= 2


def pull_cube(contrast: Contrast, incumbents: Incumbents, owner: Array) -> None:
    """Halve the way between no change and what is found, cutting the change at a cube."""
    if not len(owner):
        return
    span, origins = contrast.span, contrast.origins[owner]
    change = (incumbents.points[owner] - origins) / span
    high, low = incumbents.cost[owner].copy(), np.zeros(len(owner))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        cut = np.clip(change, -middle[:, None], middle[:, None])
        _, _, success = incumbents.ask(contrast, contrast.allowed(origins + cut * span, owner), owner)
        high, low = np.where(success, middle, high), np.where(success, low, middle)
