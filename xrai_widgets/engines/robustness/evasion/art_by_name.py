"""Attacks of the Adversarial Robustness Toolbox that are run when they are asked for by their names, and not before.

ART proposes; the ranges, column by column, and the last steps to the boundary are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._art_space import class_classifier, global_seed
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines.robustness.evasion.ground import Ground

_FINAL = 1e-5
_FURTHER = (0.0, 1e-6, 1e-4, 1e-2)  # relative
_WALK, _SIGNS, _COORDINATES = 300, 100, 200  # steps of the walk along the boundary, of SignOPT and of ZOO
_LINES = 30  # directions in which SignOPT looks for the boundary first
Propose = Callable[[Any, Array, Array, Ground], Array]


@dataclass(frozen=True, eq=False)
class _Asked:
    """How one attack of ART is asked: with one range for all coordinates, and with so many classes at least."""

    propose: Propose
    title: str
    cube: bool = False
    least: int = 2


def _deepfool(estimator: Any, point: Array, _label: Array, ground: Ground) -> Array:
    from art.attacks.evasion import DeepFool

    classes = min(10, ground.budget.n_classes)
    proposed: Array = DeepFool(estimator, max_iter=100, nb_grads=classes, verbose=False).generate(point)
    return proposed


def _carlini_wagner(estimator: Any, point: Array, label: Array, ground: Ground) -> Array:
    from art.attacks.evasion import CarliniL2Method

    steps = max(10, ground.budget.pgd.steps)
    attack = CarliniL2Method(estimator, binary_search_steps=6, max_iter=steps, learning_rate=0.05, verbose=False)
    proposed: Array = attack.generate(point, label)
    return proposed


def _jsma(estimator: Any, point: Array, label: Array, ground: Ground) -> Array:
    from art.attacks.evasion import SaliencyMapMethod

    scores = estimator.predict(point)
    scores[label.astype(bool)] = -np.inf
    towards = np.eye(ground.budget.n_classes)[scores.argmax(axis=1)]
    tried = [
        SaliencyMapMethod(estimator, theta=theta, gamma=1.0, verbose=False).generate(point, towards)
        for theta in (0.1, -0.1)
    ]
    proposed: Array = np.concatenate(tried)
    return proposed


def _boundary(estimator: Any, point: Array, label: Array, ground: Ground) -> Array:
    from art.attacks.evasion import BoundaryAttack

    start = _real_start(estimator, point, label, ground)
    attack = BoundaryAttack(estimator, targeted=False, max_iter=ground.budget.max_iter or _WALK, verbose=False)
    proposed: Array = attack.generate(point, x_adv_init=start)
    return proposed


def _real_start(estimator: Any, point: Array, label: Array, ground: Ground) -> Array | None:
    """Return the nearest real sample with another label (1, D), which ART's random starts may miss; None without."""
    pool = ground.problem.space.to_coordinates(ground.knowledge.pool).astype(np.float32)
    held = np.where(ground.problem.space.free, pool, point)
    held = held[estimator.predict(held).argmax(axis=1) != label.argmax()]
    nearest: Array | None = held[[np.linalg.norm(held - point, axis=1).argmin()]] if len(held) else None
    return nearest


def _zoo(estimator: Any, point: Array, label: Array, _ground: Ground) -> Array:
    from art.attacks.evasion import ZooAttack

    attack = ZooAttack(
        estimator,
        learning_rate=0.05,
        max_iter=_COORDINATES,
        binary_search_steps=3,
        initial_const=0.1,
        use_resize=False,
        use_importance=False,
        nb_parallel=min(16, point.shape[1]),
        verbose=False,
    )
    proposed: Array = attack.generate(point, label)
    return proposed


def _sign_opt(estimator: Any, point: Array, label: Array, ground: Ground) -> Array:
    from art.attacks.evasion import SignOPTAttack

    attack = SignOPTAttack(
        estimator, targeted=False, num_trial=_LINES, max_iter=ground.budget.max_iter or _SIGNS, k=30, verbose=False
    )
    proposed: Array = attack.generate(point, label)
    return proposed


def _run(asked: _Asked, ground: Ground, best: Best, _queries: int | None, step: Step, so_far: Partial) -> list[str]:
    problem, k, title = ground.problem, ground.budget.n_classes, asked.title
    gradient = ground.knowledge.gradient
    for number in range(len(problem.samples)):
        step(number / len(problem.samples), f"ART {title}", so_far)
        estimator = class_classifier(problem, number, k, gradient, cube=asked.cube, least=asked.least)
        point = problem.origins[[number]].astype(np.float32)
        label = np.eye(max(k, asked.least))[problem.labels[[number]]]
        with global_seed(ground.budget.seed + int(problem.numbers[number])):
            proposed = asked.propose(estimator, point, label, ground)
        _keep(problem, best, np.asarray(proposed, dtype=np.float64), number)
    return [
        f"{title} ran through ART, from sample to sample, and alone: no search of this project was run beside it. "
        "attack='strongest' finds more."
    ]


def _keep(problem: Problem, best: Best, points: Array, number: int) -> None:
    """Take what breaks the sample, pulled back to the boundary; ART returns the sample itself where it failed."""
    origin = problem.origins[number]
    points = points.reshape(len(points), -1)
    points = points[np.isfinite(points).all(axis=1)]
    # ART's points lie on the boundary, in single precision: a step beyond, they are on its other side
    tried = np.concatenate([origin + (1 + further) * (points - origin) for further in _FURTHER])
    owner = np.full(len(tried), number)
    hit: Array = problem.adversarial(tried, owner)
    if hit.any():
        settle(problem, best, tried[hit], owner[hit], _FINAL)


deepfool = partial(_run, _Asked(_deepfool, "DeepFool"))
carlini_wagner = partial(_run, _Asked(_carlini_wagner, "The attack of Carlini and Wagner"))
jsma = partial(_run, _Asked(_jsma, "The saliency map method", cube=True))
boundary = partial(_run, _Asked(_boundary, "The boundary attack"))
zoo = partial(_run, _Asked(_zoo, "ZOO", cube=True))
sign_opt = partial(_run, _Asked(_sign_opt, "SignOPT", least=3))
