"""The same attacks by the Adversarial Robustness Toolbox, as a second opinion."""

import numpy as np

from xrai_widgets.core import Array, Gradient, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._art_space import classifier, clip, global_seed
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd


def art_hop_skip_jump(
    problem: Problem,
    best: Best,
    n_classes: int,
    settings: hsj.Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> None:
    """Run ART's HopSkipJump, one sample after the other, as it is: without a final projection to the boundary.

    It works in search coordinates, each with a clipping range of its own. Its starting points are drawn here, because
    its own draws cannot be seeded.
    """
    from art.attacks.evasion import HopSkipJump

    for number in range(len(problem.samples)):
        step(number / len(problem.samples), "ART HopSkipJump", partial)
        start = _random_start(problem, number, settings.init_size, seed)
        if not len(start):
            continue
        attack = HopSkipJump(
            classifier(problem, number, n_classes, None),
            norm=_norm(problem),
            max_iter=settings.max_iter,
            max_eval=settings.max_eval,
            init_eval=settings.init_eval,
            init_size=settings.init_size,
            verbose=False,
        )
        with global_seed(seed + int(problem.numbers[number])):
            points = attack.generate(problem.origins[[number]].astype(np.float32), x_adv_init=start)
        _keep(problem, best, points.astype(np.float64), number)


def art_gradient_descent(
    problem: Problem,
    best: Best,
    gradient: Gradient,
    n_classes: int,
    settings: pgd.Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> None:
    """Run ART's projected gradient descent at every radius."""
    from art.attacks.evasion import ProjectedGradientDescentNumpy

    for place, radius in enumerate(sorted(settings.epsilons)):
        for number in range(len(problem.samples)):
            done = (place + number / len(problem.samples)) / len(settings.epsilons)
            step(done, f"ART PGD at ε = {radius:g}", partial)
            attack = ProjectedGradientDescentNumpy(
                classifier(problem, number, n_classes, gradient),
                norm=_norm(problem),
                eps=radius,
                eps_step=2.5 * radius / settings.steps,
                max_iter=settings.steps,
                num_random_init=settings.restarts,
                verbose=False,
            )
            with global_seed(seed + int(problem.numbers[number])):
                points = attack.generate(problem.origins[[number]].astype(np.float32), problem.labels[[number]])
            _keep(problem, best, points.astype(np.float64), number)


def _random_start(problem: Problem, number: int, size: int, seed: int) -> Array:
    """Return the first adversarial one of ``size`` random points, (1, D), or nothing, (0, D)."""
    rng = np.random.default_rng([seed, int(problem.numbers[number])])
    low, high = clip(problem, number)
    points = rng.uniform(low, high, (size, len(low))).astype(np.float32)
    good = problem.adversarial(points.astype(np.float64), np.full(size, number))
    first: Array = points[good][:1]
    return first


def _keep(problem: Problem, best: Best, points: Array, number: int) -> None:
    owner = np.array([number])
    if problem.adversarial(points, owner)[0]:
        best.take(points, owner, problem.distances(points, owner))


def _norm(problem: Problem) -> float:
    return np.inf if problem.norm == "linf" else 2
