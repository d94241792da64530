"""CLEVER: how far is the decision boundary, by the steepest slope near the sample?"""

from typing import Annotated

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Constraint,
    Control,
    Finding,
    Gradient,
    Measure,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._rows import drawn_rows, rows_at_once, samples_of
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.clever.ball import BallNorm, Room
from xrai_widgets.engines.robustness.clever.estimate import (
    CENSORED,
    NO_ROOM,
    Draws,
    clever_scores,
)
from xrai_widgets.engines.robustness.clever.finding import WRONG, Scored, clever_finding
from xrai_widgets.engines.robustness.clever.margins import Margins, most_probable, place_of

_POINTS = 16_384  # in the balls of the samples that are looked at together


@assessment(
    title="CLEVER score",
    measures=(
        Measure(
            "median_distance",
            "higher",
            bound="upper",  # an estimate, too high where no point came near the steepest slope: it is no reason to pass
            meaning="How far the boundary is from the typical sample, by the steepest slope that is to be expected "
            "near it. An estimate: an attack may find less, and then it is right.",
            label="median CLEVER score",
            sentence="By an estimate, which is no bound, no change smaller than {value} alters the prediction of the "
            "typical sample; at least {limit} is asked for.",
        ),
        Measure(
            "measured_share",
            "higher",
            meaning="Samples of which a score can be had: their slopes can be measured, and vary enough to be fitted.",
            label="samples with a score",
            sentence="Of 100 correctly predicted samples {value:100} have a CLEVER score; at least {limit:100} are "
            "asked for.",
        ),
    ),
    words={
        "distance": "CLEVER score",
        "low": "score, from",
        "high": "score, to",
        "rival": "nearest class",
        "radius": "radius of the ball",
        "lowest": "samples with the lowest scores",
    },
    reference="Weng et al. 2018, arXiv:1801.10578",
    missing="kept",
    instead="robustness.evasion, which asks for labels only",
    controls=(
        Control(
            "constant",
            {"measured_share": (0.0, 0.0)},
            "no change alters its prediction: no sample has a score",
            params={"samples": "", "target": "", "radius": None},
            at_most={"n_samples": 10, "n_blocks": 10, "block_size": 16},
            wrong="No change alters the prediction of a constant model, so a slope is counted that is none.",
        ),
    ),
    score=Score(("distance",), worse="lower", status="status", instead={CENSORED: np.inf, NO_ROOM: np.inf, WRONG: 0.0}),
)
def clever(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    gradient: Gradient,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    logit_gradient: Gradient | None = None,
    logits: Predict | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "train_ids", "classes"] = UNNAMED,
    *,
    norm: Annotated[
        BallNorm, "how the size of a change is measured: summed over the features, all together, or the largest"
    ] = "l2",
    target: Annotated[
        str, Label("target class"), "the class to which samples must not change; empty: to any other one"
    ] = "",
    radius: Annotated[
        float | None,
        Range(1e-9, 1e9),
        Label("radius of the balls"),
        "how far from a sample slopes are looked at; automatic: as far as the boundary is by the slope at the sample",
    ] = None,
    n_samples: Annotated[int, Range(2, 100_000), Label("samples to score"), "how many of the samples"] = 50,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    n_blocks: Annotated[
        int, Range(10, 10_000), Section("draw"), Label("blocks"), "largest slopes to which the distribution is fitted"
    ] = 50,
    block_size: Annotated[
        int, Range(1, 100_000), Section("draw"), Label("points in a block"), "points of which each is the largest slope"
    ] = 64,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Estimate how far the decision boundary is from each sample, from the steepest slopes in a ball around it.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels.
    bounds : array (2, d)
        Lowest and highest allowed value per feature: balls end there.
    gradient : callable
        (X, y) → derivative of the cross-entropy.
    logit_gradient : callable, optional
        (X, V) → derivative of the sum of V · logits: one question for what takes two gradients.
    constraints : tuple of Constraint, optional
        Immutable columns stay; whole numbers and one-hot columns move as any number does, which only lowers the score.
    X_train, y_train : array, optional
        The samples of ``part="X_train"``.
    logits : callable, optional
        (n, …) → (n, k) before the softmax; without it logarithms of probabilities, whose differences are the same.
    decide : callable, optional
        Another rule than the most probable class: to its boundary no logit leads, so the assessment does not apply.
    naming : Names, optional

    Returns
    -------
    Finding
        ``median_distance`` over the samples that are classified correctly, with an order-statistic interval at 95 %
        in which a score that reaches the radius counts as farther than any other, and one that could not be had as
        anything; ``measured_share``, those with a score (Wilson). Tables: ``samples`` (status, score, its interval),
        ``lowest`` (the samples with the lowest scores).

    Raises
    ------
    ValueError
        for a target class that there is not.
    NotApplicable
        where no drawn sample is classified correctly, and where the model decides by a rule of its own.

    Notes
    -----
    For each class but the predicted one the lead of the label's logit is divided by the largest dual norm of its
    derivative in the ball; the least of these is the score. The largest norm is the end of a reverse Weibull
    distribution, fitted by maximum likelihood to the largest norms of ``n_blocks`` blocks of points; the interval of a
    score is that of its likelihood. After a fifth of the blocks, classes whose boundary is more than twice as far as
    the nearest one by the largest slope so far are left. No slope is taken for the largest that is less than those on
    the way downhill from the sample to the surface of the ball, in ten steps. Where more than a fifth of the blocks
    have the same largest slope, as those of a network of linear pieces may, there is nothing to fit, and no score.
    Where all slopes are one, the score is exact in the part of the ball that was met: with n points, all but 3 / n of
    it, at 95 %.

    Interpretation
    --------------
    The size that a change must have, at the least, to alter the prediction, if no slope nearby is steeper than is to be
    expected from those that were met. It is an estimate of a distance that is safe, so the nearest change is usually
    farther, by half or more. It depends on no attack, and tells models apart that no attack has broken.

    Limitations
    -----------
    An estimate, no bound and no guarantee: where many features matter, the steepest point of a ball is met by chance
    only, and the score is then too high (Goodfellow 2018, arXiv:1804.07870, on slopes that are hidden). The interval of
    a score is that of the fit, as if the blocks' largest slopes were reverse Weibull; the interval of the median covers
    the choice of samples. Neither covers a slope that no point came near to.

    Recommendations
    ---------------
    Hold the lowest scores against the distances that robustness.evasion finds: where an attack comes nearer, it is
    right. Raise the number of points until the scores stay. For a guarantee use a certificate.
    """
    X, y, ids = samples_of(part, X, y, X_train, y_train, naming)
    index = drawn_rows(samples, ids, n_samples, np.random.default_rng(seed))
    flat = X.reshape(len(X), -1).astype(np.float64)[index]
    labels, n_classes = most_probable(predict, decide, X[index])
    goal = place_of(target, naming.of_classes(n_classes))
    right = labels == y[index]
    if not right.any():
        raise NotApplicable("the model classifies none of the drawn samples correctly", "more samples")
    rivals = np.ones((len(index), n_classes), dtype=bool)
    if goal is not None:
        rivals[:] = np.arange(n_classes) == goal
    rivals[np.arange(len(index)), labels] = False
    attacked = np.flatnonzero(right & rivals.any(axis=1))
    if not len(attacked):
        raise NotApplicable(f"all of the correctly classified samples are of the class {target}", "another target")
    space = Space(bounds, constraints, scale)
    room = Room(norm, space.span, np.asarray(bounds, dtype=np.float64), space.fixed)
    rows = max(block_size, rows_at_once(memory_limit, 12, flat.shape[1], constraints))
    draws = Draws(n_blocks, block_size, radius, seed, rows)
    margins = Margins(predict, gradient, logit_gradient, logits, X.shape[1:])
    scored = Scored(part, ids[index], y[index], naming.of_classes(n_classes), labels, attacked, [], samples)
    size = max(1, _POINTS // (n_blocks * block_size))
    for start in range(0, len(attacked), size):
        step(start / len(attacked), f"{start} of {len(attacked)} samples", lambda: clever_finding(scored))
        some = attacked[start : start + size]
        scored.parts.append(clever_scores(margins, room, flat[some], labels[some], rivals[some], index[some], draws))
    step(1.0, "scores")
    return clever_finding(scored)
