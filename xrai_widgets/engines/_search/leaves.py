"""The exact optimum for a single tree: the nearest point of every leaf that has the wanted label."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.boxes import groups
from xrai_widgets.engines._search.contrast import Contrast, agreeing
from xrai_widgets.engines._search.incumbents import Incumbents

_NEWS = 20  # instances between two pieces of news


def cross_leaves(
    contrast: Contrast, incumbents: Incumbents, regions: Array, step: Step, partial: Partial = None
) -> Array:
    """Fill ``incumbents`` with the global optimum over all leaves.

    Inside a box the objective is a sum over features, so that its smallest point is the origin cut at the box: column
    by column, whole numbers rounded inwards, for a one-hot group the origin's member or any one that fits.

    Parameters
    ----------
    regions : array (2, leaves, d) or (3, leaves, d)
        Closed boxes on each of which the model makes one prediction, and which cover all samples; and whether a sample
        that lacks the column comes there, too. Where that is not known, samples with missing numbers are left out.

    Returns
    -------
    bool array (n,)
        For which instances the model confirmed the optimum, or no leaf with the wanted label can be reached.
    """
    settled = np.zeros(len(contrast.samples), dtype=bool)
    inside = np.clip(np.zeros(regions.shape[2]), *regions[:2])
    if contrast.space.blanks is not None:  # to some leaves comes only what lacks a number
        inside = np.where(np.isposinf(inside), contrast.space.blanks.marks, inside)
    unknown = contrast.space.missing(contrast.samples).any(axis=1) & (len(regions) < 3)
    leaf_scores = contrast.scorer.scores(inside)
    classes = contrast.scorer.labels(inside, leaf_scores) if contrast.offsets is None else None
    for number in np.flatnonzero(~unknown):
        if number % _NEWS == 0:
            step(number / len(contrast.samples), f"{contrast.mode}: leaves of the tree", partial)
        label = contrast.labels[number]
        scores = leaf_scores if contrast.offsets is None else leaf_scores + contrast.offsets[number]
        labels = scores.argmax(axis=1) if classes is None else classes
        rivals = np.delete(scores, label, axis=1).max(axis=1)
        gap = rivals - scores[:, label]
        gap = gap if contrast.scorer.decide is None else agreeing(gap, labels != label)
        margin = gap * (1 if contrast.mode == "PN" else -1)
        wanted = (margin >= contrast.kappa) & ((labels == label) == (contrast.mode == "PP"))
        points, reached = _nearest_points(contrast, number, regions)
        good = np.flatnonzero(wanted & reached)
        if len(good):
            cost = contrast.cost(points[good], np.full(len(good), number))
            chosen = good[cost.argmin()]
        elif reached.any():
            chosen = np.flatnonzero(reached)[margin[reached].argmax()]
        else:
            settled[number] = True
            continue
        _, _, success = incumbents.ask(contrast, points[[chosen]], np.array([number]))
        settled[number] = success[0] or not len(good)
    return settled


def _nearest_points(contrast: Contrast, number: int, regions: Array) -> tuple[Array, Array]:
    """Return the point of each leaf nearest to the origin (leaves, d), and whether the leaf holds an allowed one."""
    origin, space = contrast.origins[number], contrast.space
    low, high = np.maximum(regions[0], contrast.low[number]), np.minimum(regions[1], contrast.high[number])
    whole = np.array([kind.kind == "integer" or bool(kind.group) for kind in space.constraints])
    low, high = np.where(whole, np.ceil(low), low), np.where(whole, np.floor(high), high)
    gone = space.missing(origin[None])[0]
    if gone.any():
        low[:, gone], high[:, gone] = _of_gaps(contrast, number, regions[:, :, gone], gone)
    reached: Array = np.all(low <= high, axis=1)
    points = np.clip(origin, low, np.maximum(low, high))
    for columns in groups(space):
        members = np.eye(len(columns))
        fits = np.all((members >= low[:, None, columns]) & (members <= high[:, None, columns]), axis=2)
        reached = reached & fits.any(axis=1)
        category = origin[columns].argmax()
        chosen = np.where(fits[:, category], category, fits.argmax(axis=1))
        points[:, columns] = members[chosen]
    return points, reached


def _of_gaps(contrast: Contrast, number: int, regions: Array, gone: Array) -> tuple[Array, Array]:
    """Return the ends (leaves, g) between which each missing number may lie: its mark where that leads to the leaf.

    Elsewhere those of the leaf, within the range, where it may be filled: whatever the number, it costs the same.
    """
    mark, space = contrast.origins[number][gone], contrast.space
    whole = np.array([kind.kind == "integer" for kind in space.constraints])[gone]
    low, high = np.maximum(regions[0], space.bounds[0, gone]), np.minimum(regions[1], space.bounds[1, gone])
    low, high = np.where(whole, np.ceil(low), low), np.where(whole, np.floor(high), high)
    comes, can = regions[2] > 0, contrast.fillable[number][gone] & (low <= high)
    return np.where(comes, mark, np.where(can, low, np.inf)), np.where(comes, mark, np.where(can, high, -np.inf))
