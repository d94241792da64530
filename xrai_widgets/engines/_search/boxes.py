"""Where changes may lead: the allowed values around each instance."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import Space


def groups(space: Space) -> list[Array]:
    """Return the columns of each one-hot group."""
    names = dict.fromkeys(kind.group for kind in space.constraints if kind.group)
    return [np.array([c for c, kind in enumerate(space.constraints) if kind.group == name]) for name in names]


def negative_box(samples: Array, space: Space, base: Array | None) -> tuple[Array, Array]:
    """Return lowest and highest allowed values (n, d) of a pertinent negative.

    With a baseline (classic mode) a value may only move away from it, and nothing that is present may change: a
    category or member of a group other than the baseline's stays. From a missing number that may be filled the box
    reaches up to the highest value; what lies between is no value, see `Space.to_samples`.
    """
    low, high = (np.broadcast_to(side, samples.shape).copy() for side in space.bounds)
    low, high = np.minimum(low, samples), np.maximum(high, samples)
    for column, kind in enumerate(space.constraints):
        value = samples[:, column]
        if space.fixed[column] or kind.monotone > 0:
            low[:, column] = value
        if space.fixed[column] or kind.monotone < 0:
            high[:, column] = value
    gone, filled = space.gaps(samples)
    low[gone] = high[gone] = samples[gone]
    low, high = np.where(filled, samples, low), np.where(filled, space.bounds[1], high)  # whatever the direction
    if base is None:
        return low, high
    low, high = np.where(samples > base, samples, low), np.where(samples < base, samples, high)
    whole = [np.array([c]) for c, kind in enumerate(space.constraints) if kind.kind == "category"]
    for columns in [*whole, *groups(space)]:
        present = (samples[:, columns] != base[columns]).any(axis=1)
        for side in (low, high):
            side[np.ix_(present, columns)] = samples[np.ix_(present, columns)]
    return low, high
