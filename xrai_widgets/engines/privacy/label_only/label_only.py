"""Label-only membership inference: do members sit further from the decision boundary than others?"""

import math
from functools import partial
from typing import Annotated, Literal

from xrai_widgets.core import UNNAMED, Array, Constraint, Control, Finding, Names, NotApplicable, Predict, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed, When
from xrai_widgets.core.score import Score
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import Part, SampleIds, Scale
from xrai_widgets.engines._hop_skip_jump import Settings
from xrai_widgets.engines._rows import named_of, rows_at_once
from xrai_widgets.engines.privacy.attacks.arguments import Repeats, Thresholds, TrainRatio
from xrai_widgets.engines.privacy.attacks.report import FEWEST, MEASURES, WORDS, check_enough
from xrai_widgets.engines.privacy.label_only.attack import (
    Asked,
    SplitSettings,
    ask,
    by_distance,
    by_noise,
    label_finding,
)

_NOISE, _BOUNDARY, _SEARCH = When("attack", "noise"), When("attack", "boundary distance"), Section("search")


@assessment(
    title="Membership inference from labels alone",
    measures=MEASURES,
    words=WORDS
    | {
        "accuracy_gap": "accuracy on members minus non-members",
        "kept": "share of copies that keep the label",
    },
    reference="Choquette-Choo et al. 2021, arXiv:2007.14321; Li and Zhang 2021, arXiv:2007.15528",
    labels_suffice=True,
    missing="kept",
    controls=(
        Control("constant", "no leak"),
        Control("memorising", "anything", "above 0, not 1: it is right about members, and has no boundary around them"),
        Control("chance", "no leak", params={"n_samples": 100}),
        Control("blind", "no leak"),
    ),
    stronger="privacy.lira",
    score=Score(
        ("kept", "distance"),
        worse="higher",
        status="status",
        instead={"not found": math.inf, "answered wrongly": 0.0},
    ),
)
def label_only(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    naming: Annotated[Names, "train_ids", "ids", "classes"] = UNNAMED,
    decide: Predict | None = None,
    *,
    attack: Annotated[
        Literal["noise", "boundary distance"],
        "how much noise the label survives, or how far the nearest other prediction is (slower)",
    ] = "noise",
    n_samples: Annotated[
        int, Range(10, 100_000), Label("members to attack"), "members to attack, and as many non-members"
    ] = 500,
    part: Part = "X_train",
    samples: SampleIds = "",
    noise: Annotated[
        tuple[float, ...],
        Range(0.001, 100),
        _NOISE,
        Label("sizes of the noise"),
        "sizes of the noise, in units of each column's spread",
    ] = (0.05, 0.1, 0.2),
    copies: Annotated[
        int, Range(1, 10_000), _NOISE, Label("noisy copies"), "noisy copies of each sample, per size"
    ] = 50,
    scale: Annotated[Scale, _BOUNDARY] = "range",
    max_iter: Annotated[
        int, Range(1, 1000), _BOUNDARY, _SEARCH, Label("iterations"), "steps along the decision boundary"
    ] = 10,
    init_eval: Annotated[
        int,
        Range(1, 10_000),
        _BOUNDARY,
        _SEARCH,
        Label("first queries"),
        "queries per sample in the first step; grows with its root",
    ] = 50,
    thresholds: Thresholds = "global",
    attack_train_ratio: TrainRatio = 0.5,
    repeats: Repeats = 10,
    implementation: Annotated[
        Literal["native", "art"], "whose code measures the distance; art is a slow second opinion"
    ] = "native",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how well an outsider who sees labels only tells training samples from others by how firm the label is.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels; only the winning class is looked at.
    X_train, y_train : array (n, …), int array (n,)
        Members: what the model was trained on.
    X, y : array (m, …), int array (m,)
        Non-members: held-out samples of the same distribution.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold. Ranges, whole numbers, categories and one-hot groups are respected; that a person
        cannot change a column (immutable, monotone) does not bind an outsider who asks the model.
    naming : Names, optional
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones.

    Returns
    -------
    Finding
        The numbers of membership inference: ``advantage`` (TPR − FPR of rules chosen on other samples, given those
        rules; Newcombe–Wilson interval), ``auc`` (DeLong's variance, exact binomial), ``balanced_accuracy``,
        ``tpr_at_fpr_1pct`` and ``tpr_at_fpr_0_1pct`` (Clopper–Pearson), ``precision`` and ``recall``; and
        ``accuracy_gap``, the
        advantage of an outsider who takes every correctly classified sample for a member (Newcombe–Wilson). Table
        ``samples``: ``status``, and ``kept``, the share of copies (the sample itself is one of them) that keep the
        label, or ``distance``, how far the nearest other label is. A misclassified sample has 0 by definition: it is on
        the wrong side of the boundary. Where no boundary was found there is no distance; those samples are ranked,
        tied, as furthest.

    Raises
    ------
    ValueError
        if there are fewer than 10 members or 10 non-members.
    NotApplicable
        if ART is to do anything but the boundary distance.

    Interpretation
    --------------
    Advantage 0 and AUC 0.5 mean that labels do not give members away; advantage 1 means that everyone is given away.
    An advantage near the accuracy gap means that the outsider learns no more from asking about changed samples than
    from seeing which labels are right. Compare with membership inference on the probabilities: where both find the
    same, hiding the probabilities is no defence.

    Limitations
    -----------
    The attack chooses its threshold on samples whose membership is known and uses no reference models: a stronger
    attacker can do better, never worse. Distances are upper bounds. Members and non-members must come from the same
    distribution: if the held-out samples are newer or selected differently, the attack measures that difference.

    Recommendations
    ---------------
    Hiding probabilities or rounding them does not help against this attack. Regularise (limit depth, prune, stop early,
    add weight decay), train on more data, or train with differential privacy; limit how often one client may ask.
    """
    check_enough(len(X_train), len(X))
    if implementation == "art" and attack != "boundary distance":
        raise NotApplicable("ART's label-only attack measures the boundary distance", "attack='boundary distance'")
    chosen = named_of(samples, part, X_train, X, naming, FEWEST)
    step(0.0, "which labels are right")
    rows = rows_at_once(memory_limit, 12, X[0].size, constraints)
    free = tuple(Constraint(kind.kind, kind.categories, kind.group) for kind in constraints)
    asked: Asked = ask(
        (predict, decide), (X_train, y_train), (X, y), bounds, free, n_samples, chosen, scale, rows, seed
    )
    split = SplitSettings(thresholds == "per class", attack_train_ratio, repeats, seed)
    finish = partial(label_finding, asked, split, (naming.train_ids, naming.ids), naming.classes, named=samples)
    if attack == "noise":
        return finish(tried=by_noise(asked, noise, copies, seed, step.part(0.02, 0.95), finish))
    settings = Settings(max_iter, max(init_eval, 10_000), init_eval)
    by_distance(asked, settings, seed, implementation, step.part(0.02, 0.95), finish)
    return finish(allowed=free == constraints)
