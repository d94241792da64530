"""Defence: what is a defence worth against an attacker who knows it, and what does it cost?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Constraint,
    Finding,
    Gradient,
    Measure,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.decision import labels
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Outputs as OutputKind
from xrai_widgets.core.undefended import Side, Undefended
from xrai_widgets.engines._arguments import Scale
from xrai_widgets.engines._rows import rows_at_once
from xrai_widgets.engines.robustness.defence.attempts import EVERY, Setting, Tried, attacked, transfer
from xrai_widgets.engines.robustness.defence.finding import AFTER, BEFORE, Measured, Seen, defence_finding

_UNSTEADY = 0.01  # difference of predictions for the same sample from which a change of the label says nothing
_SEARCH = Section("search")


@assessment(
    title="What a defence is worth",
    measures=(
        Measure(
            "gain",
            "higher",
            chance=0.0,
            bound="upper",
            label="more samples that withstand the attack",
            sentence="Of 100 samples {value:100} more withstand an attack that knows the defence than without it; at "
            "least {limit:100} are asked for.",
        ),
        Measure(
            "robust_accuracy",
            "higher",
            bound="upper",
            label="accuracy under attack, defended",
            sentence="Of 100 samples {value:100} are still predicted rightly by the defended model after the attack; "
            "at least {limit:100} are asked for.",
        ),
        Measure(
            "accuracy_cost",
            "lower",
            chance=0.0,
            label="right predictions that the defence costs",
            sentence="The defence costs {value:100} of 100 right predictions; at most {limit:100} are allowed.",
        ),
        Measure(
            "calibration_cost",
            "lower",
            chance=0.0,
            label="rise of the calibration error",
            sentence="The defence raises the calibration error by {value}; at most {limit} is allowed.",
        ),
    ),
    words={
        "robust_accuracy_before": "accuracy under attack, undefended",
        "epsilon": "ε (size of the change)",
        "standing": "share that stands",
        "standing_before": "share that stands before",
        "standing_after": "share that stands after",
        "nearest_after": "samples for which it comes nearest after",
        "models": "before and after",
        "gradients": "along gradients",
        "labels only": "by labels alone",
        "strongest": "all attacks within the budget",
        "transfer": "what breaks the other model",
    },
    reference="Athalye, Carlini, Wagner 2018, arXiv:1802.00420; Tramèr et al. 2020, arXiv:2002.08347",
    labels_suffice=True,
    missing="kept",
    instead="robustness.evasion",
    controls="The model before its defence is measured beside it, on the same samples and by the same attacks.",
    score=Score(
        ("distance",), worse="lower", status="status", instead={"not found": np.inf, "answered wrongly before": 0.0}
    ),
)
def defence(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    undefended: Undefended,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    trees: Trees | None = None,
    logits: Predict | None = None,
    logit_gradient: Gradient | None = None,
    naming: Annotated[Names, "ids", "feature_names", "classes"] = UNNAMED,
    unstable: float = 0.0,
    decide: Predict | None = None,
    outputs: OutputKind = "probabilities",
    *,
    norm: Annotated[
        Literal["l2", "linf"], "how the size of a change is measured: all features together, or the largest"
    ] = "l2",
    epsilon: Annotated[
        float, Range(0, 100), Label("ε (size of the change)"), "size of change that samples must withstand"
    ] = 0.1,
    n_samples: Annotated[
        int, Range(2, 100_000), Label("samples to attack"), "how many; accuracy is compared on all held-out samples"
    ] = 100,
    scale: Scale = "range",
    queries: Annotated[
        int,
        Range(100, 10_000_000),
        Label("query budget"),
        _SEARCH,
        "of all attacks of robustness.evasion together, beside those named here; a gradient step counts as three",
    ] = 2000,
    max_iter: Annotated[
        int | None,
        Range(1, 1000),
        _SEARCH,
        Label("iterations"),
        "of the attack by labels alone; automatic: as in robustness.evasion",
    ] = None,
    steps: Annotated[int, Range(1, 10_000), _SEARCH, Label("gradient steps"), "gradient steps per start"] = 40,
    restarts: Annotated[
        int, Range(1, 1000), _SEARCH, Label("starts"), "starts per size: the sample itself, then random ones"
    ] = 3,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Compare a defended model with what it was before: samples that withstand an attack that knows the defence, price.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels of the defended model.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    undefended : Undefended
        The model before.
    constraints : tuple of Constraint, optional
        What each column may hold; adversarial samples respect them.
    X_train : array, optional
        Real samples towards which is searched; without it those of X.
    gradient : callable, optional
        Of the defended model, one that a defence does not hide: straight through rounding (BPDA), over draws (EOT).
    logits, logit_gradient : callable, optional
        Of the defended model, likewise.
    linear, regions, thresholds, trees : optional
        What is known of the inside of the defended model.
    naming : Names, optional
    unstable : float, optional
        By how much predictions for the same sample differ; from 0.01 on nothing is attacked.
    decide : callable, optional
        (n, …) → (n,) classes that the defended model decides for, where they are not the most probable ones.
    outputs : {"probabilities", "labels", "values"}
        Without probabilities nothing is said of calibration.

    Returns
    -------
    Finding
        ``gain``: the share of samples that are predicted rightly at every allowed change of size ``epsilon``, after
        less before, paired by sample (squared and added from exact intervals of what is gained and lost).
        ``robust_accuracy`` after, ``robust_accuracy_before`` (Wilson). ``accuracy_cost``: accuracy on all held-out
        samples, before less after, paired likewise. ``calibration_cost``: calibration error, after less before, from
        both intervals and their correlation over bootstrap samples (Zou and Donner 2008). Tables: ``models``,
        ``attacks`` (the gain as each attack alone would see it), ``samples``, ``curve``.

    Raises
    ------
    NotApplicable
        for a model whose predictions differ by themselves.

    Notes
    -----
    Both models are attacked alike, by four attackers of which the nearest counts for each sample: along gradients that
    the defence does not hide (Athalye et al. 2018), by labels alone (HopSkipJump and the searches of
    robustness.evasion), by all of its attacks that fit within ``queries``, and with what breaks the other model,
    carried on in the same direction.

    Interpretation
    --------------
    A defence is worth what it saves against whoever knows it. Where gradients alone show a gain and all attacks
    together do not, the defence hides the gradient and nothing else.

    Limitations
    -----------
    Classification only: what a defence saves of a regression depends on how far its prediction may move, so run
    robustness.evasion with a tolerance before and after the defence, and compare both. Attacks give upper bounds: a
    stronger one may leave less of the gain. The intervals cover the choice of the samples,
    not what a stronger search would find. A defence of the training is measured on this one training.

    Recommendations
    ---------------
    Keep a defence whose gain has an interval above 0 and whose price you can pay; try again with more starts and steps.
    """
    if unstable >= _UNSTEADY:
        reason = f"the same rows get different predictions, by up to {unstable:.3g}: a label would change by chance"
        raise NotApplicable(reason, "a defence whose draws are fixed by a seed")
    rows = rows_at_once(memory_limit, 12, X[:1].size, constraints)
    setting = Setting(
        X,
        y,
        bounds,
        constraints,
        X_train,
        naming,
        norm,
        epsilon,
        scale,
        n_samples,
        queries,
        max_iter,
        steps,
        restarts,
        seed,
        memory_limit,
        rows,
    )
    inside = logits, logit_gradient, linear, regions, thresholds, trees
    sides = {
        BEFORE: undefended,
        AFTER: Side(predict, decide, gradient, *inside, outputs == "probabilities"),
    }
    step(0.0, "samples as they are")
    seen = {name: _seen(side, X, rows) for name, side in sides.items()}
    places = {BEFORE: step.part(0.02, 0.45), AFTER: step.part(0.45, 0.95)}
    tried = {name: attacked(side, setting, places[name]) for name, side in sides.items()}
    finds = {name: one.best for name, one in tried.items()}
    step(0.95, "what breaks one model, on the other")
    for name, other in ((BEFORE, AFTER), (AFTER, BEFORE)):
        if not tried[name].exact:
            transfer(sides[name], setting, tried[name], finds[other])
    measured = Measured(undefended.defence, naming.of("X", len(X)), y, epsilon, seed, tried, seen)
    return defence_finding(measured, _notes(sides, tried, queries))


def _seen(side: Side, X: Array, rows: int) -> Seen:
    parts = []
    for start in range(0, len(X), rows):
        outputs = np.asarray(side.predict(X[start : start + rows]), dtype=np.float64)
        parts.append((outputs, labels(side.predict, side.decide, X[start : start + rows], outputs)))
    outputs, classes = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    return Seen(outputs if side.scored else None, classes)


def _notes(sides: dict[str, Side], tried: dict[str, Tried], queries: int) -> list[str]:
    blind = [name for name, side in sides.items() if side.gradient is None]
    lacking = [name for name, one in tried.items() if not one.exact and EVERY not in one.distance]
    notes = [f"No gradients {' and '.join(blind)} the defence: no attack follows them there."] if blind else []
    if lacking:
        where = " and ".join(lacking)
        notes.append(f"With {queries:,} queries per sample none of the other attacks was run {where} the defence.")
    return notes
