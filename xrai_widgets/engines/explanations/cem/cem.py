"""CEM: what would change the model's prediction, and what suffices for it?"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Gradient, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Requires, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Task
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._rows import drawn_rows, rows_at_once, samples_of
from xrai_widgets.engines._search.contrast import Mode
from xrai_widgets.engines._search.coordinates import Budget
from xrai_widgets.engines._search.levels import Levels
from xrai_widgets.engines._search.memory import Memory
from xrai_widgets.engines._search.planes import planes
from xrai_widgets.engines._search.rule import led
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._space import Space
from xrai_widgets.engines._threads import calm
from xrai_widgets.engines.explanations.cem.autoencoder import Penalty, train_autoencoder
from xrai_widgets.engines.explanations.cem.finding import Explained, cem_finding
from xrai_widgets.engines.explanations.cem.fista import Settings
from xrai_widgets.engines.explanations.cem.instances import (
    difference_notes,
    empty_notes,
    opening_notes,
)
from xrai_widgets.engines.explanations.cem.measures import MEASURES, WORDS
from xrai_widgets.engines.explanations.cem.objective import Objective, least_lead, of_marks, typical
from xrai_widgets.engines.explanations.cem.random_explanation import CONTROLS
from xrai_widgets.engines.explanations.cem.run import asked, explain_all, flat, fresh
from xrai_widgets.engines.explanations.cem.search import Means
from xrai_widgets.engines.explanations.cem.zones import zones_of

_SEARCH, _LIKELY = Section("search"), Section("likeness")
_MODES: tuple[Mode, ...] = ("PN", "PP")
_POOL = 1000  # real samples whose values and labels the search knows
_LEVELS = 16  # values per number that are tried where there are no gradients
_MOST_CHANGES = 30


@assessment(
    title="Contrastive explanations (CEM)",
    measures=MEASURES,
    words=WORDS,
    reference="Dhurandhar et al. 2018, arXiv:1802.07623",
    tasks=("classification", "regression"),
    missing="kept",
    controls=CONTROLS,
    score=Score(("pn_distance",), worse="lower", status="pn_status", instead={"not found": np.inf}),
)
def cem(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    logits: Predict | None = None,
    gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    naming: Annotated[Names, "ids", "train_ids", "feature_names", "classes", "decode"] = UNNAMED,
    decide: Predict | None = None,
    task: Task = "classification",
    *,
    mode: Annotated[
        Literal["both", "PN", "PP"], Label("explanations"), "PN: what would change the prediction; PP: what keeps it"
    ] = "both",
    n_samples: Annotated[
        int, Range(1, 100_000), Label("samples to explain"), "how many of the samples are explained"
    ] = 20,
    part: EitherPart = "X",
    above: Annotated[
        float | None, "regressions only: what would bring the prediction above this, in the unit of y, or end that?"
    ] = None,
    below: Annotated[
        float | None, "regressions only: what would bring it below this? With both: to another side of either"
    ] = None,
    instances: SampleIds = "",
    search: Annotated[
        Literal["automatic", "gradient", "finite differences", "coordinate"],
        Requires("gradient", "gradient"),
        _SEARCH,
        "automatic: exact for linear models, by gradients where the model has them, else feature by feature, and then "
        "by finite differences where its predictions are smooth",
    ] = "automatic",
    kappa: Annotated[
        float | None,
        Range(0, 1000),
        _SEARCH,
        Label("κ (lead of the prediction)"),
        "in logits, or in y's unit; automatic: 0.2, for images' logits up to 10, for regressions 0",
    ] = None,
    beta: Annotated[
        float,
        Range(0, 1000),
        Label("β (weight of sparsity)"),
        "weight of the absolute change: the larger, the fewer features",
    ] = 0.1,
    c: Annotated[
        float, Range(1e-6, 1e6), _SEARCH, Label("c (weight of the prediction)"), "from which the search starts"
    ] = 10.0,
    max_iter: Annotated[
        int, Range(1, 100_000), _SEARCH, Label("iterations"), "iterations for each weight of the prediction"
    ] = 1000,
    binary_steps: Annotated[
        int, Range(1, 50), _SEARCH, Label("values of c"), "weights of the prediction that are tried"
    ] = 9,
    classic: Annotated[
        bool | None,
        _SEARCH,
        Label("PNs only add"),
        "a PN only adds to what the baseline lacks, as in the paper; automatic: for images",
    ] = None,
    noise: Annotated[
        float,
        Range(0, 1),
        Advanced(),
        Label("noise for stability"),
        "size of the noise, as a share of the ranges, under which PNs are compared; 0: not at all",
    ] = 0.01,
    autoencoder: Annotated[
        bool,
        _LIKELY,
        Label("like known samples"),
        "train a small autoencoder and prefer explanations that look like known samples",
    ] = False,
    gamma: Annotated[
        float | None,
        Range(0, 1e6),
        When("autoencoder", True),
        _LIKELY,
        Label("γ (weight of likeness)"),
        "weight of the autoencoder's error; automatic: 100",
    ] = None,
    scale: Annotated[Scale, Advanced()] = "range",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Find for each sample the smallest change that alters the model's prediction, and the smallest part that keeps it.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities; (n,) predictions of a regression.
    X, y : array (n, …), array (n,)
        Samples to explain and their labels, or values. What is explained is the model's prediction, right or wrong.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold; both kinds of explanations are allowed changes of the sample.
    X_train : array, optional
        Its medians and most frequent categories are the baseline of a table; without it those of X. That of images
        is 0.
    logits, gradient : callable, optional
        Used where the model has them.
    linear : (array (k, d), array (k,)), optional
        Says that the model is linear, so that the closed form is exact.
    regions : array (2, leaves, d), optional
        Boxes on which a single tree makes one prediction each.
    thresholds : tuple of arrays, optional
        Where an ensemble of trees splits: the values that are tried.
    naming : Names, optional
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones: what an
        explanation must change, or keep. Scores lead the search.
    task : {"classification", "regression"}
        The classes of a regression are the sides of ``above`` and ``below`` on which its prediction may lie: a PN
        brings it to another side, a PP keeps it on its own.

    Returns
    -------
    Finding
        ``pn_share``, ``pp_share``: instances with a pertinent negative and a pertinent positive (Wilson).
        ``median_pn_distance``: L2 size of the smallest change found, between order statistics; "not found" counts as
        farther than anything found. ``pn_sparsity``, ``pp_sparsity``: mean share of the features that are changed, or
        needed (Wilson, conservative). ``validity``: reported PNs that change the prediction and PPs that keep it, asked
        once more (Wilson). ``stability``: mean overlap (Jaccard) of the features that the PNs of a sample and of its
        copy with a little noise change. Tables: ``samples``, ``features``, ``stability``, ``rows`` (in the user's own
        units). Arrays: ``original``, ``pn``, ``pp``, ``baseline``; ``pn_change``, ``pp_change`` (size per feature).

    Raises
    ------
    ValueError
        if ``instances`` names an id that is not among the samples, or ``below`` exceeds ``above``.
    NotApplicable
        for a regression with neither ``above`` nor ``below``: its predictions propose both.

    Interpretation
    --------------
    A pertinent negative (PN) says what would have to be different for another prediction, a pertinent positive (PP)
    which values, put into a baseline sample, already bring the prediction about. A small PN distance means that the
    prediction hangs on little: as a proxy for robustness few PNs and long distances are good, while for a person who
    was refused a near PN is a way out. Compare models on the same samples, ranges and constraints only. A PP without
    features means that the baseline itself gets that prediction.

    Limitations
    -----------
    The search for smooth models and for ensembles is local: a smaller change may exist. Without an autoencoder it is
    exact for linear models on continuous columns (PPs: of two classes) and for single trees on columns of numbers.
    Finite differences, on scikit-learn's MLPs given as functions, lowered the median objective of PNs from 1.05–1.31
    times that by exact gradients, where the search feature by feature ends, to 1.00; on RBF SVMs by 10–20 %; for
    1.1–1.7 times the queries. "Not found" is the failure of this search within ranges and constraints, no proof that
    there is none. An explanation is of the model, not of the world: a change that alters the prediction need not alter
    the outcome, and unless an autoencoder is used the changed sample may be an unlikely one.

    Recommendations
    ---------------
    Declare as immutable what no one can change about themselves, and as monotone what can only grow. Raise ``beta``
    for fewer features, ``kappa`` for a clearer lead. Where ``stability`` is low, do not hand single explanations to
    clients.
    """
    rng = np.random.default_rng(seed)
    X, y, names = samples_of(part, X, y, X_train, y_train, naming)
    classes, index = naming.classes, drawn_rows(instances, names, n_samples, rng, "instances")
    zones = zones_of(task, above, below, predict, X)
    samples, background = (flat(part) for part in (X[index], X if X_train is None else X_train))
    if (blanks := Blanks.of(bounds, samples, background)) is not None:
        samples, background = blanks.fill(samples), blanks.fill(background)
    space, images = Space(bounds, constraints, scale, blanks), X.ndim > 2
    rows = rows_at_once(memory_limit, 16, samples.shape[1], constraints)
    pool = background[rng.permutation(len(background))[:_POOL]]
    scorer = of_marks(Scorer(predict, logits, gradient, X.shape[1:], rows, decide=decide), blanks)
    if zones is not None:
        scorer, y, classes = zones.scorer(scorer), zones.codes(y), zones.names
    scorer, fits = led(scorer, pool, None, space)
    scorer = replace(asked(scorer, search, space, pool, seed), memory=Memory.of(thresholds, space, rows))
    trained = partial(train_autoencoder, background, space, X.shape[1:], max(64, rows // 8), seed, step.part(0.0, 0.2))
    penalty = Penalty(100.0 if gamma is None else gamma, trained()) if autoencoder else None
    objective = Objective(
        scorer,
        space,
        base=np.clip(np.zeros(len(bounds[0])) if images else typical(background, space), *bounds),
        adds=images if classic is None else classic,
        kappa=least_lead(kappa, scorer, samples, images, zones) if fits else 0.0,
        beta=beta,
        penalty=penalty,
        unit=1.0 if zones is None else zones.unit,
    )
    explained = Explained(
        index=index,
        y=y,
        parts={which: fresh(objective.about(which, samples)) for which in (_MODES if mode == "both" else (mode,))},
        shape=X.shape[1:],
        feature_names=naming.feature_names,
        ids=names,
        classes=tuple(str(label) for label in classes) or tuple(map(str, range(scorer.scores(samples[:1]).shape[1]))),
        decode=naming.decode,
        error=None if penalty is None else penalty.autoencoder.error,
        zones=zones,
        part=part,
        named=instances,
    )
    explained.notes += [objective.criterion, *opening_notes(explained, scorer, fits, pool), *space.notes(samples)]
    exact, levels = search == "automatic", None if thresholds is None else Levels.of(thresholds, space)
    means = Means(
        plane=planes(next(iter(explained.parts.values()))[0], seed) if exact and fits else None,
        regions=regions if exact else None,
        search=search,
        settings=Settings(max_iter, binary_steps, c),
        budget=Budget(_LEVELS, min(len(bounds[0]), _MOST_CHANGES), rows, levels),
        pool=pool,
        rows=rows,
        seed=seed,
        levels=levels,
        declared_linear=linear is not None,
    )
    explained.notes += difference_notes(search, scorer, pool, seed) if means.plane is None else []
    with calm(samples.size):
        explain_all(explained, objective, means, noise, seed, step.part(0.2 if autoencoder else 0.0, 0.98))
    explained.notes += empty_notes(explained)
    return cem_finding(explained)
