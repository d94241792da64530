"""Evasion: how far must an input be changed before the prediction changes?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Gradient, Measure, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Requires, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Task
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._rows import drawn_rows, rows_at_once, samples_of
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd
from xrai_widgets.engines.robustness.evasion.asked import asked_of_classes, asked_of_values, check_tolerance
from xrai_widgets.engines.robustness.evasion.finding import evasion_finding, unsteady_finding
from xrai_widgets.engines.robustness.evasion.parts import Attacked
from xrai_widgets.engines.robustness.evasion.random_direction import CONTROLS
from xrai_widgets.engines.robustness.evasion.run import AMONG_TREES, ITERATIONS, ON_TABLES, Budget, attack_all
from xrai_widgets.engines.robustness.evasion.search import Knowledge

_POOL = 1000  # real samples among which starting points are looked for
_HSJ, _PGD, _SEARCH = When("attack", "hop_skip_jump"), When("attack", "pgd"), Section("search")
_UNSTEADY = 0.01  # difference of predictions for the same sample from which a change of the label says nothing


@assessment(
    title="Evasion attack and security curve",
    measures=(
        Measure(
            "robust_accuracy",
            "higher",
            bound="upper",
            task="classification",
            sentence="Of 100 samples {value:100} are still predicted rightly after the attack has changed each by no "
            "more than the chosen size; at least {limit:100} are asked for.",
        ),
        Measure(
            "stable_share",
            "higher",
            meaning="Samples whose prediction stays within the tolerance whatever allowed change of size ε they get. "
            "Where there are few, look at the features that were changed, and smooth the model.",
            bound="upper",
            task="regression",
            sentence="Of 100 samples {value:100} keep their prediction within the tolerance after the attack has "
            "changed each by no more than the chosen size; at least {limit:100} are asked for.",
        ),
        Measure(
            "median_distance",
            "higher",
            bound="upper",
            sentence="The smallest change found that alters the prediction of the typical sample has a size of "
            "{value}; at least {limit} is asked for.",
        ),
        Measure(
            "accuracy",
            "higher",
            task="classification",
            sentence="Of 100 samples {value:100} are predicted rightly before any attack; at least {limit:100} are "
            "asked for.",
        ),
    ),
    tasks=("classification", "regression"),
    words={"epsilon": "ε (size of the change)"},
    reference="Chen, Jordan, Wainwright 2020, arXiv:1904.02144; Madry et al. 2018, arXiv:1706.06083",
    labels_suffice=True,
    missing="kept",
    controls=CONTROLS,
    score=Score(
        ("distance",),
        worse="lower",
        status="status",
        instead={"not found": np.inf, "answered wrongly before": 0.0},
    ),
)
def evasion(
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
    naming: Annotated[Names, "ids", "train_ids", "feature_names", "classes", "decode"] = UNNAMED,
    unstable: float = 0.0,
    decide: Predict | None = None,
    task: Task = "classification",
    *,
    attack: Annotated[
        Literal["hop_skip_jump", "pgd"],
        Requires("pgd", "gradient"),
        "hop_skip_jump asks for labels only and fits every model; pgd follows gradients",
    ] = "hop_skip_jump",
    norm: Annotated[
        Literal["l2", "linf"], "how the size of a change is measured: all features together, or the largest"
    ] = "l2",
    epsilon: Annotated[
        float, Range(0, 100), Label("ε (size of the change)"), "size of change at which the headline accuracy is read"
    ] = 0.1,
    tolerance: Annotated[
        float | None,
        Range(1e-12, 1e12),
        "regressions need it: by how much, in the unit of y, the prediction must change for it to count",
    ] = None,
    n_samples: Annotated[
        int, Range(2, 100_000), Label("samples to attack"), "how many of the samples are attacked"
    ] = 50,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    max_iter: Annotated[
        int | None,
        Range(1, 1000),
        _HSJ,
        _SEARCH,
        Label("iterations"),
        f"steps along the decision boundary; automatic: {ITERATIONS} for images, {ON_TABLES} for tables, "
        f"{AMONG_TREES} where the splits are known",
    ] = None,
    init_eval: Annotated[
        int,
        Range(1, 10_000),
        _HSJ,
        _SEARCH,
        Label("first queries"),
        "queries per sample in the first step; grows with its root",
    ] = 100,
    max_eval: Annotated[
        int, Range(1, 100_000), _HSJ, _SEARCH, Label("most queries"), "most queries per sample in one step"
    ] = 10_000,
    init_size: Annotated[
        int,
        Range(1, 10_000),
        _HSJ,
        _SEARCH,
        Label("random starts"),
        "random starts tried where no real sample of another class is known",
    ] = 100,
    epsilons: Annotated[
        tuple[float, ...],
        Range(1e-6, 1000),
        _PGD,
        _SEARCH,
        Label("sizes to attack at"),
        "sizes at which the attack is run, until nothing stands",
    ] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    steps: Annotated[int, Range(1, 10_000), _PGD, _SEARCH, Label("gradient steps"), "gradient steps per start"] = 40,
    restarts: Annotated[
        int, Range(1, 1000), _PGD, _SEARCH, Label("starts"), "starts per size: the sample itself, then random ones"
    ] = 3,
    implementation: Annotated[Literal["native", "art"], "whose code attacks; art is a slow second opinion"] = "native",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Find the smallest change of each sample that alters the prediction, and draw accuracy against its size.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels; (n,) predictions of a regression.
    X, y : array (n, …), array (n,)
        Held-out samples and their labels, or values.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold; adversarial samples respect them.
    X_train : array, optional
        Real samples towards which is searched; without it those of X.
    gradient : callable, optional
        (X, y) → derivative of the cross-entropy, or of the prediction of a regression. Needed by ``pgd``.
    linear, regions : optional
        Weights of a linear model, leaves of a single tree: then the distances are exact, whatever the attack.
    thresholds : tuple of arrays, optional
        Where an ensemble of trees splits: where few splits lie in reach, all combinations are tried and it is exact.
    naming : Names, optional
    unstable : float, optional
        By how much predictions for the same sample differ. From 0.01 on nothing is attacked: a label that changes by
        itself is no success of an attack.
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones. What an attack
        must change is this label.
    task : {"classification", "regression"}
        For a regression the search asks how far a sample must be moved until its prediction changes by more than
        ``tolerance``, up or down, whatever its residual.

    Returns
    -------
    Finding
        ``accuracy`` on the attacked samples and ``robust_accuracy`` at ``epsilon`` (Wilson), ``found_share`` among the
        correctly classified ones (Wilson), ``median_distance`` with an order-statistic interval in which "not found"
        counts as farther than anything found. Tables: ``samples`` (status and distance), ``curve``, ``rows`` (changed
        features in the user's own units). Arrays: ``index`` (rows of X that were drawn) and ``nearest`` (what each
        became; NaN where nothing was found). Of a regression ``stable_share`` (Wilson), the samples whose prediction
        stays within the tolerance at ``epsilon``, takes the place of both accuracies, and ``found_share`` is of all
        samples.

    Raises
    ------
    ValueError
        if ``init_eval`` exceeds ``max_eval``.
    NotApplicable
        for a regression without ``tolerance``: the residuals of X propose one.

    Interpretation
    --------------
    The curve shows the share of samples that are still classified correctly when every sample may be changed by up to
    ε. A steep fall near 0 means that tiny changes, errors of measurement included, change predictions. Of a regression
    it shows the share of predictions that stay within the tolerance. A residual is no change: a prediction may be
    stable and wrong.

    Limitations
    -----------
    An attack gives an upper bound of the true distance: a stronger one may find less. "Not found" is the failure of
    this attack within its budget, no proof of robustness. Changes inside the ranges and types of the columns may still
    be impossible in the real world. Distances are exact for linear models and single trees on columns of numbers, and
    for a sum of trees where few splits lie in reach of a sample; elsewhere they are what a search found.

    Recommendations
    ---------------
    Look at which features the adversarial samples change and whether a client could change them. Limit model
    complexity, train on perturbed samples, or reject inputs near the boundary; then attack again with a larger budget.
    """
    if init_eval > max_eval:
        raise ValueError(f"init_eval must be at most max_eval = {max_eval}, got {init_eval}")
    rng = np.random.default_rng(seed)
    X, y, ids = samples_of(part, X, y, X_train, y_train, naming)
    index = drawn_rows(samples, ids, n_samples, rng)
    flat = X.reshape(len(X), -1).astype(np.float64)
    others = flat if X_train is None else X_train.reshape(len(X_train), -1).astype(np.float64)
    if (blanks := Blanks.of(bounds, flat, others)) is not None:
        flat, others = blanks.fill(flat), blanks.fill(others)
        predict, gradient = blanks.asking(predict), blanks.slopes(gradient)
        decide = blanks.ruling(decide)
    space = Space(bounds, constraints, scale, blanks)
    rows = rows_at_once(memory_limit, 12, flat.shape[1], constraints)
    shaped = flat.reshape(X.shape)
    check_tolerance(task, tolerance, predict, shaped, y, unstable)
    if tolerance is None:
        asked = asked_of_classes(predict, decide, gradient, linear, X[index], y[index])
    else:
        asked = asked_of_values(predict, gradient, linear, shaped, index, tolerance)
    right, offsets = asked.right, None if asked.band is None else asked.band.offsets
    problem = Problem(
        predict=asked.predict,
        space=space,
        samples=flat[index[right]],
        labels=asked.labels[right],
        numbers=index[right],
        shape=X.shape[1:],
        norm=norm,
        rows=rows,
        decide=decide,
        offsets=offsets,
    )
    attacked = Attacked(
        problem=problem,
        best=Best.nothing(problem),
        index=index,
        right=right,
        y=y,
        epsilon=epsilon,
        feature_names=naming.feature_names,
        ids=ids,
        classes=naming.of_classes(asked.n_classes),
        decode=naming.decode,
        band=asked.band,
        part=part,
        named=samples,
    )
    search = hsj.Settings(ITERATIONS, max_eval, init_eval, init_size)
    budget = Budget(max_iter, search, pgd.Settings(epsilons, steps, restarts), seed, asked.n_classes)
    instability = f"The same rows get different predictions: they differ by up to {unstable:.3g}."
    if tolerance is None and unstable >= _UNSTEADY:
        return unsteady_finding(attacked, f"{instability} Nothing was attacked: a label would change by chance alone.")
    notes = [f"{instability} Distances are no surer than that."] if unstable else []
    notes += space.notes(flat[index])
    pool = others[rng.permutation(len(others))[:_POOL]]
    knowledge = Knowledge(asked.gradient, asked.linear, regions, thresholds, pool)
    notes += attack_all(attacked, budget, attack, implementation, knowledge, step.part(0.02, 0.97), evasion_finding)
    return evasion_finding(attacked, notes)
