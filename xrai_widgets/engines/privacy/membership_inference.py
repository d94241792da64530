"""Membership inference: can an outsider tell from the outputs who was in the training data?"""

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Control, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.privacy._art_attack import ArtAttack, art_features
from xrai_widgets.engines.privacy._scores import check_outputs, chosen_score, membership_scores
from xrai_widgets.engines.privacy._trained_attack import (
    Make,
    attack_features,
    attack_model,
    check_enough_to_fit,
    trained_attack,
)
from xrai_widgets.engines.privacy.attacks.arguments import Repeats, Thresholds, TrainRatio
from xrai_widgets.engines.privacy.attacks.report import MEASURES, WORDS, Scored, attack_report, check_enough
from xrai_widgets.engines.privacy.attacks.threshold import Attack, threshold_attack

_THRESHOLD = When("attack", "threshold")
_CHANCE = "member probability"


@assessment(
    title="Membership inference",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Yeom et al. 2018, arXiv:1709.01604; Song, Mittal 2021, arXiv:2003.10595",
    missing="kept",
    controls=(
        Control("constant", "no leak"),
        Control("memorising", "leak"),
        Control("chance", "no leak"),
        Control("blind", "no leak"),
    ),
    stronger="privacy.lira",
    score=Score(("loss",), worse="higher", chosen_by="score"),
)
def membership_inference(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    task: str = "classification",
    naming: Annotated[Names, "train_ids", "ids", "classes"] = UNNAMED,
    decide: Predict | None = None,
    *,
    attack: Annotated[
        Literal["threshold", "random forest", "gradient boosting", "logistic regression", "neural network"],
        "a threshold on one score, or a model that learns what members look like",
    ] = "threshold",
    score: Annotated[
        Literal["loss", "confidence", "margin", "modified entropy"],
        _THRESHOLD,
        "what the attacker looks at; a regression has loss only",
    ] = "loss",
    thresholds: Annotated[Thresholds, _THRESHOLD] = "global",
    attack_train_ratio: TrainRatio = 0.5,
    repeats: Repeats = 10,
    implementation: Annotated[
        Literal["native", "art"], "whose attack model; ART sees outputs and labels only"
    ] = "native",
    seed: Seed = 0,
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
    naming : Names, optional
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones; a trained attack
        looks at whether they are right.

    Returns
    -------
    Finding
        ``advantage`` (TPR − FPR of rules chosen on other samples, given those rules, not of the best rule there could
        be; Newcombe–Wilson interval), ``auc`` (exact binomial interval of as many pairs as DeLong's variance tells),
        ``balanced_accuracy`` (from the advantage), ``recall`` (the TPR; Wilson) beside ``precision`` at the base rate
        of the data given, ``tpr_at_fpr_1pct`` and ``tpr_at_fpr_0_1pct`` (exact: the rule's false-positive rate is
        uncertain, too, and the interval allows for it), ``largest_class_gap`` (AUC in the most exposed class minus
        that among all others, simultaneous over the classes). All intervals are over samples, never over repeats: a
        trained attack is as certain as the samples that it is tried on in one deal. Tables: ``samples``, ``scores``,
        ``classes``, ``roc``, ``low_rates``, ``calls`` (precision, recall, base rate).

    Raises
    ------
    ValueError
        if there are fewer than 10 members or 10 non-members, if a trained attack would be fitted on fewer than that,
        or if the model gives non-finite outputs.

    Interpretation
    --------------
    Advantage 0 and AUC 0.5 mean that members cannot be told from others; advantage 1 means that everyone can. TPR at a
    low FPR shows whether a few people are exposed with near certainty although the average looks harmless.

    Limitations
    -----------
    These are attacks on the outputs alone, without reference models: a stronger attacker can do better, never worse, so
    a pass is no proof of privacy. A trained attack is given true members to learn from, which few attackers have, and
    needs many samples to beat a threshold. Members and non-members must come from the same distribution: if the
    held-out samples are newer or selected differently, the attack measures that difference instead.

    Recommendations
    ---------------
    Regularise (limit depth, prune, stop early, add weight decay), train on more data, or give out labels or rounded
    probabilities only; for a guarantee train with differential privacy. Run this assessment again on the new model.
    """
    check_enough(len(X_train), len(X))
    step(0.0, "outputs of the model")
    outputs = [check_outputs(predict(a), part, task) for a, part in ((X_train, "X_train"), (X, "X"))]
    labels = (y_train, y)
    scores = [membership_scores(output, true, task) for output, true in zip(outputs, labels, strict=True)]
    groups = labels if task == "classification" else (np.zeros(len(y_train), int), np.zeros(len(y), int))

    def finish(used: str, scores: list[dict[str, Array]], called: Attack) -> Finding:
        inside, outside = Scored(scores[0], groups[0], naming.train_ids), Scored(scores[1], groups[1], naming.ids)
        notes = _notes(called, groups, naming.classes, task)
        return attack_report(inside, outside, used, called, classes=naming.classes, task=task, notes=notes)

    if attack == "threshold":
        if implementation == "art":
            raise NotApplicable("ART has no attack by a threshold", "attack='random forest'")
        called = threshold_attack(
            (chosen_score(scores[0], score), groups[0]),
            (chosen_score(scores[1], score), groups[1]),
            per_class=thresholds == "per class",
            train_ratio=attack_train_ratio,
            repeats=repeats,
            seed=seed,
            step=step.part(0.2, 0.9),
        )
        return finish(score, scores, called)

    def learned(chances: tuple[Array, Array], called: Attack) -> Finding:
        all_scores = [part | {_CHANCE: chance} for part, chance in zip(scores, chances, strict=True)]
        return finish(_CHANCE, all_scores, called)

    check_enough_to_fit(len(X_train), len(X), attack_train_ratio, attack)
    if implementation == "art":
        make: Make = partial(ArtAttack, attack, 0 if task == "regression" else outputs[0].shape[1])
        features = [art_features(output, true) for output, true in zip(outputs, labels, strict=True)]
    else:
        make = partial(attack_model, attack)
        decided = [None if decide is None else decide(part) for part in (X_train, X)]
        both = zip(outputs, labels, decided, strict=True)
        features = [attack_features(output, true, task, predicted) for output, true, predicted in both]
    attacked = trained_attack(
        (features[0], features[1]),
        make,
        train_ratio=attack_train_ratio,
        repeats=repeats,
        seed=seed,
        step=step.part(0.2, 0.9),
        so_far=learned,
    )
    return learned(*attacked)


def _notes(attack: Attack, groups: tuple[Array, Array], classes: tuple[Any, ...], task: str) -> tuple[str, ...]:
    notes = []
    if attack.share < 1:
        notes.append(
            f"The intervals rest on the {attack.share:.0%} of the samples that one split leaves to try the attack on: "
            "repeating the split does not make them narrower."
        )
    seen = np.unique(np.concatenate(groups))
    if task == "classification" and len(seen) == 1:
        name = classes[seen[0]] if classes else seen[0]
        notes.append(f"All samples are of class {name}: there are no numbers for the others.")
    return tuple(notes)
