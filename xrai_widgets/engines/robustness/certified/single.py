"""The exact distance of a single tree: the nearest leaf with another label."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines.robustness.certified.leaves import Leaves
from xrai_widgets.engines.robustness.certified.reach import Reach

_CELLS = 4_000_000  # of samples and leaves at once


def nearest_other_leaf(leaves: Leaves, reach: Reach, labels: Array, step: Step) -> Array:
    """Return the distances (n,) to the nearest leaf whose label differs; infinite where none can be reached."""
    label = (leaves.base + leaves.value).argmax(axis=1)
    nearest, at_once = np.empty(len(labels)), max(1, _CELLS // len(label))
    for start in step.over(range(0, len(labels), at_once), "leaves with another label"):
        part = np.arange(start, min(start + at_once, len(labels)))
        size = leaves.distances(reach.rows(part))
        nearest[part] = np.where(label == labels[part, None], np.inf, size).min(axis=1)
    return nearest
