"""The same attacks by the Adversarial Robustness Toolbox, as a second opinion."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Gradient, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines.robustness import _gradient_descent as pgd
from xrai_widgets.engines.robustness import _hop_skip_jump as hsj
from xrai_widgets.engines.robustness._problem import Best, Problem
from xrai_widgets.engines.robustness._space import Space


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
        classifier = _classifier(problem, number, n_classes, None)
        attack = HopSkipJump(
            classifier,
            norm=_norm(problem),
            max_iter=settings.max_iter,
            max_eval=settings.max_eval,
            init_eval=settings.init_eval,
            init_size=settings.init_size,
            verbose=False,
        )
        with _global_seed(seed + int(problem.numbers[number])):
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
            classifier = _classifier(problem, number, n_classes, gradient)
            attack = ProjectedGradientDescentNumpy(
                classifier,
                norm=_norm(problem),
                eps=radius,
                eps_step=2.5 * radius / settings.steps,
                max_iter=settings.steps,
                num_random_init=settings.restarts,
                verbose=False,
            )
            with _global_seed(seed + int(problem.numbers[number])):
                points = attack.generate(problem.origins[[number]].astype(np.float32), problem.labels[[number]])
            _keep(problem, best, points.astype(np.float64), number)


def _random_start(problem: Problem, number: int, size: int, seed: int) -> Array:
    """Return the first adversarial one of ``size`` random points, (1, D), or nothing, (0, D)."""
    rng = np.random.default_rng([seed, int(problem.numbers[number])])
    low, high = _clip(problem.space)
    points = rng.uniform(low, high, (size, len(low))).astype(np.float32)
    good = problem.adversarial(points.astype(np.float64), np.full(size, number))
    first: Array = points[good][:1]
    return first


def _keep(problem: Problem, best: Best, points: Array, number: int) -> None:
    owner = np.array([number])
    if problem.adversarial(points, owner)[0]:
        best.take(points, owner, problem.distances(points, owner))


def _classifier(problem: Problem, number: int, n_classes: int, gradient: Gradient | None) -> Any:
    from xrai_widgets.models.art import black_box, white_box

    space, origin = problem.space, problem.samples[[number]]
    width = problem.origins.shape[1]

    def predict(points: Array) -> Array:
        flat = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
        samples = space.to_samples(flat, np.repeat(origin, len(points), axis=0))
        return problem.predict(samples.reshape(-1, *problem.shape))

    if gradient is None:
        return black_box(predict, (width,), n_classes, _clip(space))

    def slope(points: Array, labels: Array) -> Array:
        samples = np.asarray(points, dtype=np.float64) * space.slopes + space.bounds[0]
        return gradient(samples.reshape(-1, *problem.shape), labels).reshape(len(points), -1) * space.slopes

    return white_box(predict, slope, (width,), n_classes, _clip(space))


def _clip(space: Space) -> tuple[Array, Array]:
    """Return the box; ART wants room in every coordinate, and `to_samples` holds the fixed ones."""
    low, high = space.box
    return low.astype(np.float32), np.where(high > low, high, low + 1.0).astype(np.float32)


def _norm(problem: Problem) -> float:
    return np.inf if problem.norm == "linf" else 2


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """ART draws from NumPy's global generator: seed it for the call and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
