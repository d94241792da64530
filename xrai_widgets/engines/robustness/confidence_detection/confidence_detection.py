"""Detection by confidence: are attacked and foreign inputs given away by how unsure the model is of them?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Constraint,
    Finding,
    Gradient,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.decision import labels
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Requires, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import Scale
from xrai_widgets.engines._confidence import ScoreName, calibrated_threshold
from xrai_widgets.engines.robustness.confidence_detection import climb
from xrai_widgets.engines.robustness.confidence_detection.attacks import Inside, Settings, attack, other_scores
from xrai_widgets.engines.robustness.confidence_detection.detector import Detector
from xrai_widgets.engines.robustness.confidence_detection.finding import Detected, detection_finding
from xrai_widgets.engines.robustness.confidence_detection.measures import MEASURES, NO_CONTROLS, WORDS

_UNSTEADY = 0.01  # difference of predictions for the same sample from which a change of the label says nothing
_SEARCH = Section("search")


@assessment(
    title="Detection by confidence",
    measures=MEASURES,
    words=WORDS,
    reference="Liu, Lochman, Zach 2023, CVPR (GEN); Tramèr et al. 2020, arXiv:2002.08347 (adaptive attacks)",
    missing="kept",
    controls=NO_CONTROLS,
    instead="robustness.evasion",
    score=Score(
        ("adaptive_score",),
        worse="higher",
        status="status",
        instead={"not found": -np.inf, "answered wrongly before": np.inf},
    ),
)
def confidence_detection(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    X_new: Array | None = None,
    foreign: Array | None = None,
    logits: Predict | None = None,
    gradient: Gradient | None = None,
    logit_gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    trees: Trees | None = None,
    naming: Annotated[Names, "ids", "new_ids"] = UNNAMED,
    unstable: float = 0.0,
    decide: Predict | None = None,
    *,
    score: Annotated[
        ScoreName,
        Requires("energy", "logits"),
        Label("detector"),
        "what is read off the outputs: largest probability, its lead, minus the entropy, log-sum of the logits, GEN",
    ] = "confidence",
    threshold: Annotated[
        float,
        Range(0, 1),
        When("score", "confidence"),
        Label("fixed threshold"),
        "confidence below which a sample is flagged; measured beside the calibrated one",
    ] = 0.85,
    alpha: Annotated[
        float, Range(0.001, 0.5), Label("α (false alarms allowed)"), "share of clean samples that may be flagged"
    ] = 0.05,
    norm: Annotated[
        Literal["l2", "linf"], "how the size of a change is measured: all features together, or the largest"
    ] = "l2",
    epsilon: Annotated[float, Range(0, 100), Label("ε (size of the change)"), "size of change of both attacks"] = 0.1,
    n_samples: Annotated[
        int, Range(2, 100_000), Label("samples to attack"), "how many of the measured samples are attacked"
    ] = 50,
    scale: Scale = "range",
    steps: Annotated[
        int, Range(1, 10_000), _SEARCH, Label("gradient steps"), "gradient steps of each start of the adaptive attack"
    ] = 40,
    restarts: Annotated[
        int, Range(0, 1000), _SEARCH, Label("random starts"), "random starts of the adaptive attack beside the others"
    ] = 2,
    rounds: Annotated[
        int,
        Range(1, 10_000),
        _SEARCH,
        Label("rounds by scores"),
        "rounds of 32 queries per sample; a quarter of them behind gradients",
    ] = 60,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure whether low confidence gives attacked and foreign inputs away, also to an attacker who knows of it.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels. A random half calibrates the threshold, the other one is measured.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold; attacked samples respect them.
    X_train : array, optional
        Real samples towards which the plain attack searches; without it those of X.
    X_new, foreign : array, bool array, optional
        Inputs, and which of them are of another kind: how many of these are flagged is measured, too.
    logits : callable, optional
        (n, …) → (n, k) before the softmax; the score ``energy`` needs them.
    gradient, logit_gradient : callable, optional
        (X, y) → derivative of the cross-entropy, for the plain attack; (X, V) → derivative of Σ V · logits, for the
        adaptive one, which without it searches by scores.
    linear, regions, thresholds, trees : optional
        What is known of the model from inside; as in `robustness.evasion`.
    naming : Names, optional
    unstable : float, optional
        By how much predictions for the same sample differ.
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones. Scores are
        read off the probabilities all the same.

    Returns
    -------
    Finding
        At the calibrated threshold, and with ``_fixed`` at the fixed one, Wilson intervals given the threshold:
        ``false_alarms`` among the clean samples that are measured; ``plain_detection`` and ``adaptive_detection``
        among the samples for which that attack finds another label inside ε; ``foreign_detection``.
        ``guarded_accuracy`` (Wilson): drawn samples that are right, and stand or are flagged under the adaptive attack.
        ``plain_auc``, ``adaptive_auc``, ``foreign_auc`` (exact binomial interval of as many pairs as DeLong's variance
        tells) against the samples of the other half, so that both groups are independent. Tables: ``samples``,
        ``thresholds`` (what each of a hundred does), ``roc``, ``coverage``, ``detectors`` (other scores).
        Arrays: ``index`` (rows of X that were attacked), ``plain`` and ``adaptive`` (what they became inside ε, flat;
        NaN where nothing was found).

    Raises
    ------
    ValueError
        if X has fewer than four samples, or the model gives outputs that are not finite.
    NotApplicable
        if the same rows get different predictions.

    Notes
    -----
    The calibrated threshold is the ⌊α (n + 1)⌋-th smallest score of the n samples that calibrate it: a new clean sample
    lies below it with a probability of at most α, whatever the distribution (split conformal; Vovk et al. 2005). The
    adaptive attack climbs, inside ε, the lead of the largest rival until the label is another one, then the detector's
    own score (Tramèr et al. 2020), from the sample, from what evasion found, from behind that at the end of the ball,
    and from random places. A search by scores alone follows, from the same places: it goes on inside the other class to
    where the detector trusts it more. It stands alone where there are no gradients (forests, boosting, functions). A
    model that gives labels only has no score by which anything could be detected, and is refused.

    Interpretation
    --------------
    Detection under the plain attack says little: it stops where the label has just changed, and there every model is
    unsure. Who knows the detector goes on to where the model is sure of the wrong label. Where detection under the
    adaptive attack is no better than the false alarms, confidence guards against accidents, not against attackers.

    Limitations
    -----------
    A search gives an upper bound of what is detected: a stronger attacker is flagged less. The share is among the
    samples that were turned inside ε, which may be few and then has a wide interval; the guarded accuracy is among all
    that were drawn, and is high, too, where the model is robust and the detector is worth nothing. The guarantee of the
    false alarms is on average over calibrations, and ends where the data drift. A fixed threshold guarantees nothing:
    an input far from all training data may be predicted with 0.90.

    Recommendations
    ---------------
    Calibrate the threshold on recent clean samples instead of fixing it. Do not rely on confidence against attackers:
    make the model itself robust (adversarial training, smoothing), and detect foreign inputs by their distance to the
    training data; then measure again with a larger budget.
    """
    if len(X) < 4:
        raise ValueError(f"X must hold at least 4 samples, two to calibrate and two to measure, got {len(X)}")
    if unstable >= _UNSTEADY:
        raise NotApplicable(
            f"the same rows get different predictions, by up to {unstable:.3g}: what is trusted would change by chance",
            "a model that gives the same rows the same predictions (evaluation mode, fixed random state)",
        )
    step(0.0, "clean and foreign samples")
    order = np.random.default_rng(seed).permutation(len(X))
    calibration = np.zeros(len(X), dtype=bool)
    calibration[order[: len(X) // 2]] = True
    drawn = np.sort(order[len(X) // 2 :][:n_samples])
    detector = Detector(score, predict, logits)
    outputs = detector.outputs(X, "X")
    clean = detector.scores(X, outputs)
    away = np.zeros(0, dtype=bool) if X_new is None or foreign is None else np.asarray(foreign, dtype=bool)
    strange = X[:0] if X_new is None else X_new[: len(away)][away]
    right = labels(predict, decide, X, outputs) == y
    run = Detected(
        ids=naming.of("X", len(X)),
        score=clean,
        right=right,
        calibration=calibration,
        drawn=drawn,
        foreign=detector.scores(strange, detector.outputs(strange, "X_new")),
        foreign_ids=naming.of("X_new", len(away))[away],
        calibrated=calibrated_threshold(clean[calibration], alpha),
        fixed=threshold if score == "confidence" else None,
        alpha=alpha,
        epsilon=epsilon,
        name=score,
    )
    pool = X if X_train is None else X_train
    inside = Inside(bounds, constraints, pool, gradient, logit_gradient, linear, regions, thresholds, trees, decide)
    settings = Settings(norm, epsilon, scale, climb.Settings(steps, restarts, seed), rounds, seed, memory_limit)
    rows = run.attacked
    notes = attack(run, detector, X[rows], y[rows], inside, settings, step.part(0.02, 0.98), detection_finding)
    run.others = other_scores(run, detector, X, outputs)
    return detection_finding(run, notes)
