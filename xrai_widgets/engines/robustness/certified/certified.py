"""Certified robustness: within what distance is it proved that the prediction does not change?"""

import itertools
from typing import Annotated, Literal

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
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.decision import labels
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import Part, SampleIds, Scale
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._rows import drawn_rows, samples_of
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.certified.bounds import Certified, Form, certify
from xrai_widgets.engines.robustness.certified.finding import Asked, certified_finding
from xrai_widgets.engines.robustness.evasion import evasion

_ATTACK = When("attack", True)


@assessment(
    title="Certified robustness",
    measures=(
        Measure(
            "certified_accuracy",
            "higher",
            meaning="Samples that are predicted rightly, and for which it is proved that no allowed change of size ε "
            "alters the label. Where there are few, look whether the attack breaks the rest, or the proof is too weak.",
            bound="lower",
            sentence="For {value:100} of 100 samples it is proved that they are predicted rightly, whatever allowed "
            "change of the chosen size they get; at least {limit:100} are asked for.",
        ),
        Measure(
            "median_distance",
            "higher",
            bound="lower",
            label="median certified distance",
            sentence="For the typical sample it is proved that no change smaller than {value} alters the prediction; "
            "at least {limit} is asked for.",
        ),
        Measure(
            "accuracy",
            "higher",
            sentence="Of 100 samples {value:100} are predicted rightly before any change; at least {limit:100} are "
            "asked for.",
        ),
    ),
    tasks=("classification",),
    words={
        "epsilon": "ε (size of the change)",
        "distance_lower": "no other label below",
        "distance_upper": "another label at",
        "attacked_accuracy": "accuracy under the attack",
        "certified_share": "certified share of the right ones",
        "at_sizes": "at chosen sizes",
        "bound": "curve",
        "share": "share of samples that stand",
    },
    reference="Chen, Zhang, Si, Li, Boning, Hsieh 2019, arXiv:1906.03849; Zhang et al. 2018, arXiv:1811.00866",
    labels_suffice=True,
    missing="kept",
    controls=(
        Control(
            "constant",
            {"certified_share": (1.0, 1.0)},
            "no change can alter a label: every right prediction is certified at every size",
            params={"samples": "", "attack": False, "part": "X"},
            at_most={"n_samples": 20},
            wrong="No change alters the prediction of a constant model, so the certificate counts what is none.",
        ),
    ),
    score=Score(("distance_lower",), worse="lower", status="status", instead={"answered wrongly before": 0.0}),
)
def certified(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    trees: Trees | None = None,
    layers: Layers | None = None,
    naming: Annotated[Names, "ids", "train_ids", "feature_names", "classes", "decode"] = UNNAMED,
    unstable: float = 0.0,
    decide: Predict | None = None,
    *,
    norm: Annotated[
        Literal["linf", "l2"], "how the size of a change is measured: the largest feature's, or all features together"
    ] = "linf",
    epsilon: Annotated[
        float, Range(0, 100), Label("ε (size of the change)"), "size of change at which the headline accuracy is read"
    ] = 0.1,
    epsilons: Annotated[
        tuple[float, ...], Range(0, 1000), Label("further sizes"), "rising: sizes of a table of both accuracies"
    ] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    n_samples: Annotated[int, Range(2, 100_000), Label("samples to certify"), "how many samples are drawn"] = 50,
    part: Part = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    attack: Annotated[
        bool, Label("attack, too"), "the other end of the same axis: what robustness.evasion breaks in this norm"
    ] = True,
    max_iter: Annotated[
        int | None, Range(1, 1000), _ATTACK, Section("attack"), Label("iterations"), "as of robustness.evasion"
    ] = None,
    effort: Annotated[
        int,
        Range(1, 100_000_000),
        Advanced(),
        Label("pairs of leaves"),
        "sums of trees: most pairs of leaf boxes that are compared in one step (with the extra veritas: a 15th as many "
        "steps of its search; of the integer program a 300th as many nodes); more gives larger distances",
    ] = 300_000,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Prove for each sample within what distance no allowed change alters the label, and set it against an attack.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold: only changes that respect them count.
    X_train, y_train, gradient, regions, thresholds : optional
        What `robustness.evasion` uses.
    linear, trees, layers : optional
        What the model is made of; one of them is needed.
    naming : Names, optional
    unstable : float, optional
        By how much predictions for the same sample differ: 0 for every model that can be read.
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones.

    Returns
    -------
    Finding
        ``certified_accuracy`` at ``epsilon``, ``accuracy``, ``certified_share`` of the right predictions and, with the
        attack, ``attacked_accuracy`` (Wilson intervals over samples); ``median_distance`` (certified, of the right
        predictions) with an order-statistic interval. Tables: ``samples`` (part, id, status, distance_lower,
        distance_upper, gap), ``curve`` over every size at which a share changes, ``at_sizes``.

    Raises
    ------
    ValueError
        if ``epsilons`` do not rise.
    NotApplicable
        for a kind of model, layer or norm that no certificate serves.

    Interpretation
    --------------
    The lower curve is what nobody can break, the upper one what an attack has broken; the truth lies between. Where
    both meet, it is exact. A model passes only if the lower curve carries it.

    Limitations
    -----------
    Exact for linear models and single trees; for sums of trees a lower bound that is exact where all combinations were
    decided: most are by an integer program, whose solver (HiGHS) computes in float64 and gets room for its tolerances;
    of boosting the optional package dtai-veritas (the extra veritas) decides them sooner. For networks CROWN's bound,
    which may be much too small for deep ones. Proved is what the arrays of the model compute in float64, with room for
    the rounding of the model's own arithmetic. A change of ε is measured per feature as a share of its
    range: whether it is small in the real world is for you to judge. Members of a one-hot group that are columns of
    their own are taken to change independently: the distance may be too small, never too large. Of samples that lack
    numbers nothing is proved: they count as not certified.

    Recommendations
    ---------------
    Where the gap is wide, raise the number of pairs of leaves, and the budget of the attack. Fewer and shallower trees,
    larger leaves and smaller weights give models that can be proved robust; train again and compare.
    """
    check_rising(epsilons)
    form = Form(linear, trees, layers)
    method = form.method(norm)
    rng = np.random.default_rng(seed)
    chosen_X, chosen_y, ids = samples_of(part, X, y, X_train, y_train, naming)
    index = drawn_rows(samples, ids, n_samples, rng)
    flat = chosen_X[index].reshape(len(index), -1).astype(np.float64)
    shape = chosen_X.shape[1:]
    space = Space(bounds, constraints, scale)
    decided = labels(predict, decide, chosen_X[index])
    seen = np.full(len(index), np.inf)
    if attack:
        attacked = evasion(
            predict, X, y, bounds, constraints, X_train, y_train, gradient, linear, regions, thresholds, naming,
            unstable, decide, norm=norm, epsilon=epsilon, n_samples=n_samples, part=part, samples=samples,
            trees=trees, scale=scale, max_iter=max_iter, seed=seed, memory_limit=memory_limit, step=step.part(0.0, 0.5),
        )  # fmt: skip
        table = attacked.tables["samples"]
        success = (table["status"] == "found").to_numpy()
        seen[success] = table["distance"].to_numpy(dtype=float)[success]
    right = np.flatnonzero(decided == chosen_y[index])
    gone = np.isnan(flat[right]).any(axis=1)
    reach = Reach.of(space, np.where(np.isnan(flat[right]), space.bounds[0], flat[right]), norm)

    def changed(i: int, sample: Array) -> float:
        if reach.grouped or (labels(predict, decide, sample.reshape(1, *shape)) == decided[right[i]]).all():
            return np.inf
        return float(space.distance(sample[None], flat[right[i]][None], norm)[0])

    result = Certified(np.zeros(len(right)), seen[right], np.zeros(len(right), dtype=bool))
    asked = Asked(
        part=part, ids=ids[index], truth=chosen_y[index], right=right, classes=naming.classes, epsilon=epsilon,
        epsilons=epsilons, method=method, attack=attack, named=samples, result=result, lacking=int(gone.sum()),
    )  # fmt: skip
    here = step.part(0.5 if attack else 0.0, 1.0)
    here(0.0, f"certificates of a {method}", lambda: certified_finding(asked))
    if len(right):
        unlike = gone | _unlike(form, method, reach.samples, decided[right])
        certify(
            form,
            method,
            reach,
            decided[right],
            seen[right],
            changed,
            (effort, memory_limit),
            X.dtype == np.float32,
            here,
            result,
        )
        result.low[unlike], result.exact[unlike] = 0.0, False
    return certified_finding(asked)


def check_rising(epsilons: tuple[float, ...]) -> None:
    """Raise `ValueError` unless the sizes rise from 0 or more."""
    if any(a >= b for a, b in itertools.pairwise(epsilons)):
        raise ValueError(f"epsilons must rise, got {epsilons}: sort them and leave each out but once")
    if any(not np.isfinite(e) or e < 0 for e in epsilons):
        raise ValueError(f"epsilons must be 0 or more, got {epsilons}")


def _unlike(form: Form, method: str, flat: Array, decided: Array) -> Array:
    """Return the mask of the samples whose label, as read, is not what the model says: rounding at a tie."""
    if method in ("linear", "network"):
        return np.zeros(len(flat), dtype=bool)
    assert form.trees is not None
    mask: Array = form.trees.scores(flat).argmax(axis=1) != decided
    return mask
