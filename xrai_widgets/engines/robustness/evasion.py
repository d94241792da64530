"""Evasion: how far must an input be changed before the answer changes?"""

from dataclasses import dataclass
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
from xrai_widgets.core.subject import Decode
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness import _gradient_descent as pgd
from xrai_widgets.engines.robustness._evasion_finding import Attacked, evasion_finding

_POOL = 1000  # real samples among which HopSkipJump looks for starting points
_NOISE = 20  # draws of plain noise per sample that the attack did not break


@assessment(
    title="Evasion attack and security curve",
    measures=(
        Measure("robust_accuracy", "higher", bound="upper"),
        Measure("median_distance", "higher", bound="upper"),
        Measure("accuracy", "higher"),
    ),
    reference="Chen, Jordan, Wainwright 2020, arXiv:1904.02144; Madry et al. 2018, arXiv:1706.06083",
    labels_suffice=True,
)
def evasion(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    gradient: Gradient | None = None,
    feature_names: tuple[str, ...] = (),
    ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    decode: Decode | None = None,
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
    max_iter: Annotated[int, Range(1, 1000), When("attack", "hop_skip_jump"), "steps along the decision boundary"] = 25,
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
        tuple[float, ...], Range(1e-6, 1000), When("attack", "pgd"), "sizes at which the attack is run"
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
    gradient : callable, optional
        (X, y) → derivative of the cross-entropy. Needed by ``pgd``.
    feature_names, ids, classes, decode : optional
        Names, and the way back to the user's own units.

    Returns
    -------
    Finding
        ``accuracy`` on the attacked samples and ``robust_accuracy`` at ``epsilon`` (Wilson), ``found_share`` among the
        rightly answered ones (Wilson), ``median_distance`` with an order-statistic interval in which "not found" counts
        as farther than anything found. Tables: ``samples`` (status and distance), ``curve``, ``rows`` (changed
        features in the user's own units).

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
    space = Space(bounds, constraints, scale)
    rows = max(64, int(memory_limit * 1e9 / 8 / (12 * (flat.shape[1] + sum(len(c.categories) for c in constraints)))))
    outputs = predict(X[index])
    answers, n_classes = outputs.argmax(axis=1), outputs.shape[1]
    right = answers == y[index]
    problem = Problem(predict, space, flat[index[right]], answers[right], index[right], X.shape[1:], norm, rows)
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
        hsj.Settings(max_iter, max_eval, init_eval, init_size),
        pgd.Settings(epsilons, steps, restarts),
        seed,
        n_classes,
    )
    pool = rng.permutation(len(X))[:_POOL]
    notes = _run(attacked, budget, attack, implementation, gradient, flat[pool], step.part(0.02, 0.97))
    return evasion_finding(attacked, notes + _noise_check(attacked, seed))


@dataclass(frozen=True)
class _Budget:
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
    pool: Array,
    step: Step,
) -> list[str]:
    """Attack, fill ``attacked.best`` in place, and return what the reader must know about how it went."""
    problem, best = attacked.problem, attacked.best
    if not len(problem.samples):
        return ["The model answers none of the drawn samples rightly: there is nothing to attack."]

    def partial() -> Finding:
        note = "The attack was not finished: distances are larger than they would become."
        return evasion_finding(attacked, [note], finished=False)

    match attack, implementation:
        case "hop_skip_jump", "native":
            pool_classes = problem.classes(pool)
            history = hsj.hop_skip_jump(problem, best, pool, pool_classes, budget.hsj, budget.seed, step, partial)
            return _still_falling(history)
        case "hop_skip_jump", _:
            from xrai_widgets.engines.robustness._art_attacks import art_hop_skip_jump

            art_hop_skip_jump(problem, best, budget.n_classes, budget.hsj, budget.seed, step, partial)
            return ["ART's HopSkipJump stops short of the boundary: its distances are too large."]
        case "pgd", "native" if gradient is not None:
            slope = pgd.projected_gradient_descent(problem, best, gradient, budget.pgd, budget.seed, step, partial)
            return _blind(slope, best)
        case "pgd", _ if gradient is not None:
            from xrai_widgets.engines.robustness._art_attacks import art_gradient_descent

            art_gradient_descent(problem, best, gradient, budget.n_classes, budget.pgd, budget.seed, step, partial)
            return []
    raise ValueError(f"attack={attack!r} needs gradient=, got None")


def _still_falling(history: Array) -> list[str]:
    if len(history) < 10:
        return []
    early, late = (np.median(history[i]) for i in (-max(2, len(history) // 5), -1))
    if np.isfinite(early) and late < 0.95 * early:
        return [
            f"The median distance still fell by {1 - late / early:.0%} in the last fifth of the attack: raise max_iter."
        ]
    return []


def _blind(slope: Array, best: Best) -> list[str]:
    zero = slope < 1e-10
    if len(zero) and zero.mean() > 0.1:
        lost = int((zero & ~best.found).sum())
        return [
            f"The gradient vanishes for {zero.mean():.0%} of the samples ({lost} of them not broken): the curve may "
            "flatter the model; try attack='hop_skip_jump'."
        ]
    return []


def _noise_check(attacked: Attacked, seed: int) -> list[str]:
    """Warn if plain noise of size ε breaks samples that the attack did not break within ε."""
    problem, epsilon = attacked.problem, attacked.epsilon
    held = np.flatnonzero(attacked.best.distance > epsilon)
    if not len(held) or epsilon == 0:
        return []
    rng = np.random.default_rng([seed, 1])
    broken = np.zeros(len(problem.samples), dtype=bool)
    for draw in range(0, _NOISE * len(held), problem.rows):
        owner = held[np.arange(draw, min(draw + problem.rows, _NOISE * len(held))) % len(held)]
        points = _noisy(problem, owner, epsilon, rng)
        hit = problem.adversarial(points, owner) & (problem.distances(points, owner) <= epsilon * (1 + 1e-9))
        broken[owner[hit]] = True
    count = int(broken.sum())
    if count:
        return [
            f"Plain noise of size {epsilon:g} breaks {count} samples that the attack left standing: raise its budget."
        ]
    return []


def _noisy(problem: Problem, owner: Array, epsilon: float, rng: np.random.Generator) -> Array:
    """Return a random change of size ε of each sample, cut at the ranges."""
    noise = rng.standard_normal((len(owner), problem.origins.shape[1])) * problem.space.free
    size = np.abs(noise).max(axis=1) if problem.norm == "linf" else np.linalg.norm(noise, axis=1)
    low, high = problem.space.box_around(problem.origins[owner])
    moved: Array = np.clip(problem.origins[owner] + epsilon * noise / np.maximum(size[:, None], 1e-12), low, high)
    return moved
