"""Evasion: how far must an input be changed before the answer changes?"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import (
    Array,
    Constraint,
    Finding,
    Gradient,
    Measure,
    Predict,
    Range,
    Requires,
    Step,
    When,
    assessment,
    quiet,
)
from xrai_widgets.core.decision import answered
from xrai_widgets.core.step import Partial
from xrai_widgets.core.subject import Decode
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness import _gradient_descent as pgd
from xrai_widgets.engines.robustness._evasion_finding import Attacked, evasion_finding, unsteady_finding
from xrai_widgets.engines.robustness._evasion_notes import beaten, blind, noise_note, still_falling
from xrai_widgets.engines.robustness._evasion_search import Effort, Knowledge, Search, near_hits
from xrai_widgets.engines.robustness._random_direction import CONTROLS

_POOL = 1000  # real samples among which starting points are looked for
_UNSTEADY = 0.01  # difference of answers for the same sample from which a change of answer says nothing
_NOISE = 20  # draws of plain noise per sample that was not broken
_ITERATIONS, _ON_TABLES, _AMONG_TREES = 24, 12, 3  # of HopSkipJump
_LIGHT = Effort(near=10, coordinates=False, flat=600, wide=40, rounds=10)  # beside gradients, and on images
_NAMES = {"hop_skip_jump": "HopSkipJump", "pgd": "projected gradient descent"}


@assessment(
    title="Evasion attack and security curve",
    measures=(
        Measure("robust_accuracy", "higher", bound="upper"),
        Measure("median_distance", "higher", bound="upper"),
        Measure("accuracy", "higher"),
    ),
    reference="Chen, Jordan, Wainwright 2020, arXiv:1904.02144; Madry et al. 2018, arXiv:1706.06083",
    labels_suffice=True,
    missing="kept",
    controls=CONTROLS,
)
def evasion(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    feature_names: tuple[str, ...] = (),
    ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    decode: Decode | None = None,
    unstable: float = 0.0,
    decide: Predict | None = None,
    *,
    attack: Annotated[
        Literal["hop_skip_jump", "pgd"],
        Requires("pgd", "gradient"),
        "hop_skip_jump asks for labels only and fits every model; pgd follows gradients",
    ] = "hop_skip_jump",
    norm: Annotated[
        Literal["l2", "linf"], "how the size of a change is measured: all features together, or the largest"
    ] = "l2",
    epsilon: Annotated[float, Range(0, 100), "size of change at which the headline accuracy is read"] = 0.1,
    n_samples: Annotated[int, Range(2, 100_000), "how many of the test samples are attacked"] = 50,
    scale: Annotated[Literal["range", "raw"], "sizes as shares of each feature's range, or in raw units"] = "range",
    max_iter: Annotated[
        int | None,
        Range(1, 1000),
        When("attack", "hop_skip_jump"),
        f"steps along the decision boundary; automatic: {_ITERATIONS} for images, {_ON_TABLES} for tables, "
        f"{_AMONG_TREES} where the splits are known",
    ] = None,
    init_eval: Annotated[
        int,
        Range(1, 10_000),
        When("attack", "hop_skip_jump"),
        "questions per sample in the first step; grows with its root",
    ] = 100,
    max_eval: Annotated[
        int, Range(1, 100_000), When("attack", "hop_skip_jump"), "most questions per sample in one step"
    ] = 10_000,
    init_size: Annotated[
        int,
        Range(1, 10_000),
        When("attack", "hop_skip_jump"),
        "random starts tried where no real sample of another class is known",
    ] = 100,
    epsilons: Annotated[
        tuple[float, ...],
        Range(1e-6, 1000),
        When("attack", "pgd"),
        "sizes at which the attack is run, until nothing stands",
    ] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    steps: Annotated[int, Range(1, 10_000), When("attack", "pgd"), "gradient steps per start"] = 40,
    restarts: Annotated[
        int, Range(1, 1000), When("attack", "pgd"), "starts per size: the sample itself, then random ones"
    ] = 3,
    implementation: Annotated[Literal["native", "art"], "whose code attacks; art is a slow second opinion"] = "native",
    seed: Annotated[int, Range(0, 2**31 - 1), "of the choice of samples and of the attack"] = 0,
    memory_limit: Annotated[float, Range(0.05, 64), "GB that the working arrays may take"] = 1.0,
    step: Step = quiet,
) -> Finding:
    """Search the smallest change of each sample that changes the model's answer, and draw accuracy against its size.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold; adversarial samples respect them.
    X_train : array, optional
        Real samples towards which is searched; without it those of X.
    gradient : callable, optional
        (X, y) → derivative of the cross-entropy. Needed by ``pgd``.
    linear, regions : optional
        Weights of a linear model, leaves of a single tree: then the distances are exact, whatever the attack.
    thresholds : tuple of arrays, optional
        Where an ensemble of trees splits: where few splits lie in reach, all combinations are tried and it is exact.
    feature_names, ids, classes, decode : optional
        Names, and the way back to the user's own units.
    unstable : float, optional
        By how much answers for the same sample differ. From 0.01 on nothing is attacked: an answer that changes by
        itself is no success of an attack.
    decide : callable, optional
        (n, …) → (n,) classes that the model answers with, where they are not the most probable ones. What an attack
        must change is this answer.

    Returns
    -------
    Finding
        ``accuracy`` on the attacked samples and ``robust_accuracy`` at ``epsilon`` (Wilson), ``found_share`` among the
        rightly answered ones (Wilson), ``median_distance`` with an order-statistic interval in which "not found" counts
        as farther than anything found. Tables: ``samples`` (status and distance), ``curve``, ``rows`` (changed
        features in the user's own units). Arrays: ``index`` (rows of X that were drawn) and ``nearest`` (what each
        became; NaN where nothing was found).

    Raises
    ------
    ValueError
        if ``init_eval`` exceeds ``max_eval``.

    Interpretation
    --------------
    The curve shows the share of samples that are still answered rightly when every sample may be changed by up to ε. A
    steep fall near 0 means that tiny changes, errors of measurement included, turn answers round.

    Limitations
    -----------
    An attack gives an upper bound of the true distance: a stronger one may find less. "Not found" is the failure of
    this attack within its budget, no proof of robustness. Changes inside the ranges and types of the columns may still
    be impossible in the real world.

    Recommendations
    ---------------
    Look at which features the adversarial samples change and whether a client could change them. Limit model
    complexity, train on perturbed samples, or reject inputs near the boundary; then attack again with a larger budget.
    """
    if init_eval > max_eval:
        raise ValueError(f"init_eval must be at most max_eval = {max_eval}, got {init_eval}")
    rng = np.random.default_rng(seed)
    index = np.sort(rng.permutation(len(X))[:n_samples])
    flat = X.reshape(len(X), -1).astype(np.float64)
    others = flat if X_train is None else X_train.reshape(len(X_train), -1).astype(np.float64)
    if (blanks := Blanks.of(bounds, flat, others)) is not None:
        flat, others = blanks.fill(flat), blanks.fill(others)
        predict, gradient = blanks.asking(predict), blanks.slopes(gradient)
        decide = blanks.ruling(decide)
    space = Space(bounds, constraints, scale, blanks)
    rows = max(64, int(memory_limit * 1e9 / 8 / (12 * (flat.shape[1] + sum(len(c.categories) for c in constraints)))))
    answers, n_classes = answered(predict, decide, X[index])
    right = answers == y[index]
    problem = Problem(predict, space, flat[index[right]], answers[right], index[right], X.shape[1:], norm, rows, decide)
    attacked = Attacked(
        problem=problem,
        best=Best.nothing(problem),
        index=index,
        right=right,
        y=y,
        epsilon=epsilon,
        feature_names=feature_names,
        ids=np.arange(len(X)) if ids is None else ids,
        classes=tuple(str(label) for label in classes) or tuple(map(str, range(n_classes))),
        decode=decode,
    )
    budget = _Budget(
        max_iter,
        hsj.Settings(_ITERATIONS, max_eval, init_eval, init_size),
        pgd.Settings(epsilons, steps, restarts),
        seed,
        n_classes,
    )
    said = f"The same rows get different answers: they differ by up to {unstable:.3g}."
    if unstable >= _UNSTEADY:
        return unsteady_finding(attacked, f"{said} Nothing was attacked: an answer would change by chance alone.")
    notes = [f"{said} Distances are no surer than that."] if unstable else []
    if blanks is not None:
        notes += blanks.notes(flat[index])
    pool = others[rng.permutation(len(others))[:_POOL]]
    known = Knowledge(gradient, linear, regions, thresholds, pool)
    notes += _run(attacked, budget, attack, implementation, gradient, known, step.part(0.02, 0.97))
    return evasion_finding(attacked, notes)


@dataclass(frozen=True)
class _Budget:
    max_iter: int | None
    hsj: hsj.Settings
    pgd: pgd.Settings
    seed: int
    n_classes: int


def _run(
    attacked: Attacked,
    budget: _Budget,
    attack: str,
    implementation: str,
    gradient: Gradient | None,
    known: Knowledge,
    step: Step,
) -> list[str]:
    """Attack, fill ``attacked.best`` in place, and return what the reader must know about how it went."""
    problem, best = attacked.problem, attacked.best
    if not len(problem.samples):
        return ["The model answers none of the drawn samples rightly: there is nothing to attack."]

    def partial() -> Finding:
        note = "The attack was not finished: distances are larger than they would become."
        return evasion_finding(attacked, [note], finished=False)

    if attack == "pgd" and gradient is None:
        raise ValueError(f"attack={attack!r} needs gradient=, got None")
    if implementation == "art":
        return _art(attacked, budget, attack, gradient, step, partial)
    search = Search(problem, best, known, budget.seed, step.part(0.6, 0.97), partial)
    attacked.search = search
    step(0.0, "exact distances, where the model's form gives them", partial)
    if search.solve():
        return ["All distances are exact: the model is linear, or a single tree."]
    known.classes = problem.classes(known.pool)
    search.learn_rule()
    here = step.part(0.02, 0.6)
    if gradient is not None and attack == "pgd":
        k, seed = budget.n_classes, budget.seed
        slope = pgd.projected_gradient_descent(problem, best, gradient, budget.pgd, seed, here, partial, n_classes=k)
        notes, effort = blind(slope, best), _LIGHT
    else:
        settings = replace(budget.hsj, max_iter=budget.max_iter or _iterations(problem, known))
        history = hsj.hop_skip_jump(problem, best, known.pool, known.classes, settings, budget.seed, here, partial)
        notes, effort = still_falling(history), Effort() if len(problem.shape) == 1 else _LIGHT
    search.attacked(_NAMES[attack])
    after = best.distance.copy()
    search.run(effort)
    search.finish()
    notes += beaten(after, best, _NAMES[attack])
    return notes + noise_note(attacked, near_hits(problem, best, attacked.epsilon, _NOISE, budget.seed))


def _art(
    attacked: Attacked, budget: _Budget, attack: str, gradient: Gradient | None, step: Step, partial: Partial
) -> list[str]:
    """Attack by ART alone: a second opinion gets no help."""
    from xrai_widgets.engines.robustness import _art_attacks as art

    problem, best, k, seed = attacked.problem, attacked.best, budget.n_classes, budget.seed
    if attack == "pgd" and gradient is not None:
        art.art_gradient_descent(problem, best, gradient, k, budget.pgd, seed, step, partial)
        return []
    settings = replace(budget.hsj, max_iter=budget.max_iter or _ITERATIONS)
    art.art_hop_skip_jump(problem, best, k, settings, seed, step, partial)
    return ["ART's HopSkipJump stops short of the boundary: its distances are too large."]


def _iterations(problem: Problem, known: Knowledge) -> int:
    """Return how often HopSkipJump steps: less where the other searches find more for the same questions."""
    if known.thresholds is not None:
        return _AMONG_TREES
    return _ON_TABLES if len(problem.shape) == 1 else _ITERATIONS
