"""Which samples are explained, and what must be known about their predictions."""

import numpy as np

from xrai_widgets.core import Array, Bound
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.scorer import Scorer, is_smooth
from xrai_widgets.engines.explanations.cem.finding import Explained, changed


def lead(scores: Array) -> float:
    """Return the paper's κ = 10 for images, or half of what the model itself leads by if that is less.

    Where the instances do not lead by κ themselves, no part of them can be asked to.
    """
    best = np.sort(scores, axis=1)[:, -2:]
    return float(min(10.0, np.median(best[:, 1] - best[:, 0]) / 2))


def opening_notes(explained: Explained, scorer: Scorer, fits: bool, pool: Array) -> list[str]:
    """Say whose rule is explained, and which classes it can be about."""
    return [*rule_notes(scorer, fits), *class_notes(explained, pool)]


def class_notes(explained: Explained, pool: Array) -> list[str]:
    """Say which classes the model never predicts, as far as its predictions were looked at."""
    contrast = next(iter(explained.parts.values()))[0]
    given = np.unique(np.r_[contrast.scorer.labels(pool), contrast.labels])
    if len(given) == 1:
        name = explained.classes[given[0]]
        return [f"The model predicts {name!r} for all samples looked at: there may be no other label to be found."]
    missing = [c for c in np.unique(explained.y[explained.index]) if c not in given]
    return [
        f"The model predicts {explained.classes[c]!r} for none of the samples looked at: what is explained of that "
        "class's instances is the label that it predicts instead."
        for c in missing
    ]


def rule_notes(scorer: Scorer, fits: bool) -> list[str]:
    """Say from where leads are counted if the model decides by a rule of its own."""
    if scorer.decide is None:
        return []
    if fits:
        return [
            "The model decides by a rule of its own: leads are counted from where that changes the label, and what is "
            "found counts if the model's own label is changed, or kept."
        ]
    return [
        "The model decides by a rule of its own that its probabilities do not reveal: what is found counts if the "
        "model's own label is changed, or kept, by whatever lead."
    ]


def difference_notes(search: str, scorer: Scorer, pool: Array, seed: int) -> list[str]:
    """Say whether finite differences were used, or were asked for in vain."""
    if scorer.differences is None:
        return []
    if search == "automatic":
        return ["The model has no gradients but is smooth: explanations were refined by finite differences."]
    if is_smooth(scorer, scorer.differences, pool, seed):
        return []
    return [
        "Small changes do not move the prediction, or make it jump: finite differences add little to the search "
        "feature by feature."
    ]


def empty_notes(explained: Explained) -> list[str]:
    """Say for how many instances nothing at all is needed."""
    if "PP" not in explained.parts:
        return []
    contrast, incumbents = explained.parts["PP"]
    empty = int((incumbents.done & ~changed(contrast, incumbents).any(axis=1)).sum())
    if not empty:
        return []
    return [f"For {empty} instances the baseline alone gets the same prediction: their pertinent positive is empty."]


def exact_bounds(contrast: Contrast, adds: bool) -> dict[str, Bound]:
    """Return which numbers an exact search makes exact.

    A lead that is asked for, a weight of the absolute change or a PN that only adds keeps nearer changes out.
    """
    if contrast.kappa > 0 or adds:
        return {}
    return {"pn_share": "exact"} if contrast.beta > 0 else {"pn_share": "exact", "median_pn_distance": "exact"}
