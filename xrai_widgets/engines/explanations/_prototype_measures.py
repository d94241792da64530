"""The numbers with their intervals."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.explanations._prototype_explained import Explained
from xrai_widgets.engines.explanations._prototype_fit import Fit

_ROWS = 8192


def distances(done: Sequence[Explained], fits: Sequence[Fit], n: int) -> dict[str, Estimate]:
    """MMD² and the share of similarity that is explained, groups weighted by their size."""
    parts = np.array([fit.n / n for fit in fits])
    own = float(parts @ [fit.own for fit in fits])
    others = float(parts @ [fit.others for fit in fits])
    apart = [fit.distance(one.chosen.weights) for one, fit in zip(done, fits, strict=True)]
    mmd2 = max(float(parts @ [d.mmd2 for d in apart]), 0.0)
    unbiased = float(parts @ [d.unbiased for d in apart])
    error = float(np.sqrt(parts**2 @ [d.variance for d in apart]))
    shares = [fit.share_variance(one.chosen.weights, own, mmd2) for one, fit in zip(done, fits, strict=True)]
    explained, unseen = 1 - mmd2 / own, 1 - unbiased / others
    return {
        "mmd2": around(mmd2, unbiased, error, n, 0.0, np.inf),
        "explained": around(explained, unseen, float(np.sqrt(parts**2 @ shares)), n, -np.inf, 1.0),
    }


def around(value: float, centre: float, error: float, n: int, least: float, most: float) -> Estimate:
    half = _student(n) * error if n > 1 else np.inf
    low, high = np.clip([centre - half, centre + half], least, most)
    return Estimate(value, min(float(low), value), max(float(high), value))


def agreement(done: Sequence[Explained], answers: Array, train_answers: Array) -> Estimate:
    """Share of the explained samples to which the model answers as to the prototype that is nearest in the kernel."""
    points = np.concatenate([one.points for one in done])
    theirs = train_answers[np.concatenate([one.rows for one in done])]
    agreed = n = 0
    for one in done:
        kernel = one.to.kernel
        length, mine = kernel.diagonal(points), answers[one.group.explained]
        for part, tile in one.to.chunks():
            for start in range(0, len(tile), _ROWS):
                near = (kernel.matrix(tile[start : start + _ROWS], points) - 0.5 * length).argmax(axis=1)
                agreed += int((theirs[near] == mine[part][start : start + _ROWS]).sum())
        n += len(mine)
    return statistics.wilson(agreed, n)


@cache
def _student(n: int) -> float:
    return float(stats.t.ppf(0.5 + statistics.LEVEL / 2, n - 1))
