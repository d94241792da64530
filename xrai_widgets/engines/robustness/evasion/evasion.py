"""Evasion: how far must an input be changed before the prediction changes?"""

from typing import Annotated

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Gradient, Measure, Names, Predict, Score, assessment
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.marks import MemoryLimit, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Outputs, Task
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._rows import samples_of
from xrai_widgets.engines.robustness.evasion import arguments as given
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd
from xrai_widgets.engines.robustness.evasion.asked import check_settings, check_tolerance
from xrai_widgets.engines.robustness.evasion.finding import evasion_finding, idle_finding, unsteady_finding
from xrai_widgets.engines.robustness.evasion.ground import Budget
from xrai_widgets.engines.robustness.evasion.native import DEFAULT_QUERIES, ITERATIONS
from xrai_widgets.engines.robustness.evasion.prepared import Data, Model, Wanted, prepared
from xrai_widgets.engines.robustness.evasion.random_direction import CONTROLS
from xrai_widgets.engines.robustness.evasion.run import attack_all
from xrai_widgets.engines.robustness.evasion.target import class_aimed_at

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
    words={
        "epsilon": "ε (size of the change)",
        "attacks": "what each attack spent and found",
        "share": "share of the budget",
        "budget": "queries that it may ask per sample",
        "most": "most that it asked about one sample",
        "broken": "broken within ε",
        "won": "came nearest",
        "alone": "broken within ε by it alone",
        "median": "median distance of it",
        "reason": "why it was not run",
    },
    reference="Chen, Jordan, Wainwright 2020, arXiv:1904.02144; Madry et al. 2018, arXiv:1706.06083; Croce, Hein 2020, "
    "arXiv:2003.01690",
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
    outputs: Outputs = "probabilities",
    logits: Predict | None = None,
    logit_gradient: Gradient | None = None,
    trees: Trees | None = None,
    *,
    attack: given.AttackName = "strongest",
    queries: given.Queries = DEFAULT_QUERIES,
    norm: given.ChangeNorm = "l2",
    epsilon: given.Epsilon = 0.1,
    target: given.Target = "",
    tolerance: given.Tolerance = None,
    n_samples: given.SampleCount = 50,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    max_iter: given.Iterations = None,
    init_eval: given.FirstQueries = 100,
    max_eval: given.MostQueries = 10_000,
    init_size: given.RandomStarts = 100,
    epsilons: given.Sizes = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    steps: given.GradientSteps = 40,
    restarts: given.Restarts = 3,
    implementation: given.Implementation = "native",
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
        (X, y) → derivative of the cross-entropy, or of the prediction of a regression.
    logits, logit_gradient : callable, optional
        (n, …) → (n, k); (X, V) → derivative of their sum, weighted with the rows of V (n, k), in one pass.
    linear, regions : optional
        Weights of a linear model, leaves of a single tree: then the distances are exact, whatever the attack.
    thresholds : tuple of arrays, optional
        Where an ensemble of trees splits: where few splits lie in reach, all combinations are tried and it is exact.
    trees : Trees, optional
        All trees of a classifier, for the attack among their leaves.
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
    outputs : {"probabilities", "labels", "values"}
        With "labels" no attack is run that needs scores.

    Returns
    -------
    Finding
        ``accuracy`` on the attacked samples and ``robust_accuracy`` at ``epsilon`` (Wilson), ``found_share`` among the
        correctly classified ones (Wilson), ``median_distance`` with an order-statistic interval in which "not found"
        counts as farther than anything found. Tables: ``samples`` (status and distance), ``curve``, ``rows`` (changed
        features in the user's own units), ``attacks`` (what each one spent, broke and won, or why it was left out).
        Arrays: ``index`` (rows of X that were drawn) and ``nearest`` (what each became; NaN where nothing was found).
        Of a regression ``stable_share`` (Wilson), the samples whose prediction stays within the tolerance at
        ``epsilon``, takes the place of both accuracies, and ``found_share`` is of all samples.

    Raises
    ------
    ValueError
        if ``init_eval`` exceeds ``max_eval``, a size to attack at is not positive, or ``target`` is no class.
    NotApplicable
        for a regression without ``tolerance``: the residuals of X propose one; for an attack that does not fit the
        model, with one that does.

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
    check_settings(init_eval, max_eval, epsilons)
    rng = np.random.default_rng(seed)
    X, y, ids = samples_of(part, X, y, X_train, y_train, naming)
    inside = gradient, logits, logit_gradient, linear, regions, thresholds, trees
    model = Model(predict, decide, *inside, labels_only=outputs == "labels")
    data = Data(X, y, ids, X if X_train is None else X_train, bounds, constraints, naming, part, samples, n_samples)
    check_tolerance(task, tolerance, predict, X, y, unstable)
    aim = class_aimed_at(target, task, naming, lambda: int(predict(X[:1]).shape[1]))
    made = prepared(model, data, Wanted(norm, epsilon, scale, aim, tolerance, memory_limit), rng)
    attacked = made.attacked
    instability = f"The same rows get different predictions: they differ by up to {unstable:.3g}."
    if tolerance is None and unstable >= _UNSTEADY:
        return unsteady_finding(attacked, f"{instability} Nothing was attacked: a label would change by chance alone.")
    notes = [f"{instability} Distances are no surer than that."] if unstable else []
    search = hsj.Settings(ITERATIONS, max_eval, init_eval, init_size)
    climb = pgd.Settings(epsilons, steps, restarts)
    budget = Budget(queries, max_iter, search, climb, seed, made.n_classes, memory_limit)
    notes += made.notes
    notes += attack_all(made, budget, attack, implementation, model.labels_only, step.part(0.02, 0.97), evasion_finding)
    return idle_finding(attacked, notes) if attacked.idle else evasion_finding(attacked, notes)
