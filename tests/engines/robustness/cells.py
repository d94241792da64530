"""Exact distances of models of a few splits, by asking the model everywhere."""

import itertools

import numpy as np

from xrai_widgets.core import Array, Subject


def in_cells(subject: Subject, norm: str) -> Array:
    """Return the exact distance of each sample by asking the model in every cell between two splits of a plane."""
    assert subject.thresholds is not None
    assert subject.bounds is not None
    low, high = subject.bounds
    edges = [
        np.r_[low[c], cuts[(cuts > low[c]) & (cuts < high[c])], high[c]] for c, cuts in enumerate(subject.thresholds)
    ]
    middles = [(e[1:] + e[:-1]) / 2 for e in edges]
    cells = np.array(list(itertools.product(*(range(len(m)) for m in middles))))
    label = subject.predict(np.column_stack([m[cells[:, c]] for c, m in enumerate(middles)])).argmax(axis=1)
    mine = subject.predict(subject.X).argmax(axis=1)
    distances = np.empty(len(subject.X))
    for i, x in enumerate(subject.X):
        gaps = [
            np.maximum(np.maximum(e[cells[:, c]] - x[c], x[c] - e[cells[:, c] + 1]), 0) for c, e in enumerate(edges)
        ]
        gap = np.column_stack(gaps) / (high - low)
        far = gap.max(axis=1) if norm == "linf" else np.linalg.norm(gap, axis=1)
        distances[i] = far[label != mine[i]].min(initial=np.inf)
    return distances
