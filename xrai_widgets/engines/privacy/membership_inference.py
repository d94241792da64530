"""Membership inference: can an outsider tell from the outputs who was in the training data?"""

from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import Array, Finding, Measure, Predict, Range, Step, assessment, quiet
from xrai_widgets.engines.privacy._attack_report import Scored, attack_report, check_enough
from xrai_widgets.engines.privacy._scores import chosen_score, membership_scores
from xrai_widgets.engines.privacy._threshold_attack import threshold_attack


@assessment(
    title="Membership inference",
    measures=(
        Measure("advantage", "lower", 0.0),
        Measure("auc", "lower", 0.5),
        Measure("balanced_accuracy", "lower", 0.5),
        Measure("tpr_at_fpr_1pct", "lower", 0.01),
    ),
    tasks=("classification", "regression"),
    reference="Yeom et al. 2018, arXiv:1709.01604; Carlini et al. 2022, arXiv:2112.03570",
)
def membership_inference(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    task: str = "classification",
    train_ids: Array | None = None,
    ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    *,
    score: Annotated[
        Literal["loss", "confidence", "margin"], "what the attacker looks at; a regression has loss only"
    ] = "loss",
    thresholds: Annotated[Literal["global", "per class"], "one threshold for all samples, or one per class"] = "global",
    attack_train_ratio: Annotated[
        float, Range(0.1, 0.9), "share of the samples that chooses the threshold; the rest tries it"
    ] = 0.5,
    repeats: Annotated[int, Range(1, 200), "how many times the samples are dealt into the two parts"] = 10,
    seed: Annotated[int, Range(0, 2**31 - 1), "of the dealing"] = 0,
    step: Step = quiet,
) -> Finding:
    """Measure how well an outsider tells training samples from others by the model's outputs.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities, or (n,) values.
    X_train, y_train : array
        Members: what the model was trained on.
    X, y : array
        Non-members: held-out samples of the same distribution.
    task : {"classification", "regression"}
    train_ids, ids : array, optional
    classes : tuple, optional
        Original labels.

    Returns
    -------
    Finding
        ``advantage`` (TPR − FPR at a threshold chosen on other samples; Newcombe–Wilson interval), ``auc`` (DeLong, at
        the extremes Newcombe), ``balanced_accuracy`` (from the advantage), ``tpr_at_fpr_1pct`` and
        ``tpr_at_fpr_0_1pct`` (Clopper–Pearson), ``precision`` at the base rate of the data given. All intervals are
        over samples, never over repeats. Tables: ``samples``, ``scores``, ``classes``, ``roc``.

    Raises
    ------
    ValueError
        if there are fewer than 10 members or 10 non-members.

    Interpretation
    --------------
    Advantage 0 and AUC 0.5 mean that members cannot be told from others; advantage 1 means that everyone can. TPR at a
    low FPR shows whether a few people are exposed with near certainty although the average looks harmless.

    Limitations
    -----------
    These are attacks by a threshold on one score, without reference models: a stronger attacker can do better, never
    worse, so a pass is no proof of privacy. Members and non-members must come from the same distribution: if the
    held-out samples are newer or selected differently, the attack measures that difference instead.

    Recommendations
    ---------------
    Regularise (limit depth, prune, stop early, add weight decay), train on more data, or give out labels or rounded
    probabilities only; for a guarantee train with differential privacy. Run this assessment again on the new model.
    """
    check_enough(len(X_train), len(X))
    step(0.0, "outputs of the model")
    inside, outside = (membership_scores(predict(a), b, task) for a, b in ((X_train, y_train), (X, y)))
    groups = (y_train, y) if task == "classification" else (np.zeros(len(y_train), int), np.zeros(len(y), int))
    members, others = chosen_score(inside, score), chosen_score(outside, score)
    attack = threshold_attack(
        (members, groups[0]),
        (others, groups[1]),
        per_class=thresholds == "per class",
        train_ratio=attack_train_ratio,
        repeats=repeats,
        seed=seed,
        step=step.part(0.2, 0.9),
    )
    return attack_report(
        Scored(inside, groups[0], train_ids), Scored(outside, groups[1], ids), score, attack, classes=classes, task=task
    )
