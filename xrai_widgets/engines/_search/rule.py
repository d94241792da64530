"""Where a model's own rule changes its label, in terms of its scores: what leads a search to there."""

from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._space import Space

_FAR = 1.0  # margin of the offsets beyond which nothing is gained; of a class that is never predicted, too
_HALVINGS = 30


def led(scorer: Scorer, pool: Array, decided: Array | None, space: Space) -> tuple[Scorer, bool]:
    """Return a scorer whose scores lead to the model's own rule, and whether they give its labels for the pool.

    A threshold on a probability, and weights of the classes, are an offset of the log-probabilities: that is looked
    for, and of two classes found exactly, by halving the way between two samples on either side. Any other rule is
    only come near to. A scorer without a rule is returned as it is.

    Parameters
    ----------
    scorer : Scorer
    pool : array (r, d)
        Real samples.
    decided : int array (r,), optional
        The model's labels for them, where they are known.
    space : Space
    """
    if scorer.decide is None or not len(pool):
        return scorer, True
    scores = scorer.scores(pool)
    decided = scorer.labels(pool) if decided is None else decided
    offset = offset_of(scores, decided)
    fits = bool(((scores + offset).argmax(axis=1) == decided).all())
    if fits and scores.shape[1] == 2 and len(np.unique(decided)) == 2:
        offset = np.array([0.0, -_edge(scorer, pool, scores[:, 1] - scores[:, 0], decided, space)])
    return replace(scorer, offset=offset), fits


def offset_of(scores: Array, decided: Array) -> Array:
    """Return (k,) to add to the scores, so that the highest is the label by the largest margin, or the least amiss.

    The margin of class a over b is at most the least lead, s_a − s_b + o_a − o_b, of a sample labelled a: a linear
    programme.
    """
    from scipy.optimize import linprog

    k = scores.shape[1]
    rows, limits = [], []
    for given in np.unique(decided):
        lead = scores[decided == given][:, [given]] - scores[decided == given]
        for other in np.delete(np.arange(k), given):
            row = np.zeros(k + 1)
            row[given], row[other], row[k] = -1.0, 1.0, 1.0
            rows.append(row)
            limits.append(lead[:, other].min())
    bounds = [(0.0, 0.0), *[(None, None)] * (k - 1), (None, _FAR)]
    solution = linprog(np.r_[np.zeros(k), -1.0], np.array(rows), np.array(limits), bounds=bounds)
    offset: Array = solution.x[:k] if solution.status == 0 else np.zeros(k)
    return offset


def _edge(scorer: Scorer, pool: Array, lead: Array, decided: Array, space: Space) -> float:
    """Return the lead of class 1 over class 0 from which on class 1 is decided for."""
    ends = [np.flatnonzero(decided == 0), np.flatnonzero(decided == 1)]
    low, high = ends[0][lead[ends[0]].argmax()], ends[1][lead[ends[1]].argmin()]
    points, leads = [pool[low], pool[high]], [float(lead[low]), float(lead[high])]
    for _ in range(_HALVINGS):
        middle = space.to_samples(space.to_coordinates(np.stack(points)).mean(axis=0, keepdims=True), points[0][None])
        middle_scores = scorer.scores(middle)[0]
        between = float(middle_scores[1] - middle_scores[0])
        if not leads[0] < between < leads[1]:  # nothing lies between, or the way leads elsewhere
            break
        side = int(scorer.labels(middle)[0])
        points[side], leads[side] = middle[0], between
    return (leads[0] + leads[1]) / 2
