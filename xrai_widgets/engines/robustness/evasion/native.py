"""The attacks of this project, as the gate runs them: by the user's settings, or within a share of the budget."""

import math
from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array, Gradient, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines.robustness.evasion import gradient_descent as gradient_loop
from xrai_widgets.engines.robustness.evasion.ground import GRADIENT, AttackBest, Ground
from xrai_widgets.engines.robustness.evasion.knowledge import Effort
from xrai_widgets.engines.robustness.evasion.lint import blind, rises, still_falling
from xrai_widgets.engines.robustness.evasion.tree_attack import Settings as TreeSettings
from xrai_widgets.engines.robustness.evasion.tree_attack import tree_attack

ITERATIONS, ON_TABLES, AMONG_TREES = 24, 12, 3  # of HopSkipJump
_BESIDE_SLOPES = 6  # on images, of which attacks that follow gradients find more
DEFAULT_QUERIES = 20_000  # per sample, at which the searches make the effort that they make beside a named attack
LIGHT = Effort(near=10, coordinates=False, flat=600, wide=40, rounds=10)  # beside gradients, and on images
_FOLLOWED, _TRIALS, _BESIDES = 3, 3, 40  # starts of HopSkipJump, iterations that all of them take, bisections
_AMONG_LEAVES = 6, 1, 120  # neighbours, starts and rounds of the tree attack within the usual budget
_STEPS = 40  # of the gradient loop
_GOALS = 2  # starts, or rivals, of the gradient loop within a budget


def iterations(ground: Ground) -> int:
    """Return how often HopSkipJump steps: less where the other searches find more for the same queries."""
    if ground.knowledge.thresholds is not None:
        return AMONG_TREES
    return ON_TABLES if ground.table else ITERATIONS


def _affordable(settings: hsj.Settings, queries: int) -> int:
    """Return how many iterations of HopSkipJump a number of queries pays for."""
    left, count = queries - settings.init_size, 0
    while count < settings.max_iter:
        left -= (settings.evaluations(count) + _BESIDES) * (_FOLLOWED if count < _TRIALS else 1)
        if left < 0:
            break
        count += 1
    return count


def by_labels(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run HopSkipJump."""
    budget, knowledge, usual = ground.budget, ground.knowledge, iterations(ground)
    if queries is None:
        settings = replace(budget.hsj, max_iter=budget.max_iter or usual)
    else:
        usual = _BESIDE_SLOPES if ground.kind == "gradients" and not ground.table else usual
        most = budget.max_iter or max(1, math.ceil(usual * budget.queries / DEFAULT_QUERIES))
        settings = replace(budget.hsj, max_iter=most)
        settings = replace(settings, max_iter=max(1, _affordable(settings, queries)))
    history = hsj.hop_skip_jump(
        ground.problem, best, knowledge.pool, knowledge.classes, settings, budget.seed, step, partial
    )
    return still_falling(history) if queries is None or settings.max_iter >= usual else []


def by_steps(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run projected gradient descent."""
    settings = ground.budget.pgd
    if queries is not None:
        each = (GRADIENT + 1) * max(1, len(settings.epsilons)) * _GOALS
        steps = min(max(1, queries // each), max(_STEPS, _STEPS * ground.budget.queries // DEFAULT_QUERIES))
        settings = replace(settings, steps=steps, restarts=min(_GOALS, settings.restarts))
    notes = _loop(ground, best, settings, step.part(0.0, 0.95), partial)
    return notes + rises(ground, best, settings, step.part(0.95, 1.0))


def in_one_step(ground: Ground, best: Best, _queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run the fast gradient sign method: one step as long as the radius, from the sample."""
    settings = replace(ground.budget.pgd, steps=1, restarts=1, equal=True, rivals=False)
    return _loop(ground, best, settings, step, partial)


def step_by_step(ground: Ground, best: Best, _queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run the basic iterative method: steps of an equal share of the radius, from the sample."""
    settings = replace(ground.budget.pgd, restarts=1, equal=True, rivals=False)
    return _loop(ground, best, settings, step, partial)


def _loop(ground: Ground, best: Best, settings: gradient_loop.Settings, step: Step, partial: Partial) -> list[str]:
    seed, k = ground.budget.seed, ground.budget.n_classes
    slope: Array = gradient_loop.projected_gradient_descent(
        *(ground.problem, best, gradient_of(ground), settings, seed, step, partial),
        n_classes=k,
        logits=ground.knowledge.logits,
        logit_gradient=ground.knowledge.logit_gradient,
    )
    return blind(slope, best)


def gradient_of(ground: Ground) -> Gradient:
    """Return the gradient, which the gate has seen to be there."""
    assert ground.knowledge.gradient is not None
    return ground.knowledge.gradient


def effort_of(ground: Ground, share: float = 1.0) -> Effort:
    """Return the effort of the searches, or a multiple of it."""
    full = Effort() if ground.table else LIGHT
    if share == 1.0:
        return full
    near, flat, wide, rounds = (
        max(1, round(share * count)) for count in (full.near, full.flat, full.wide, full.rounds)
    )
    return Effort(near, full.coordinates and share >= _LEAST, flat, wide, rounds)


_LEAST = 0.1  # share of the effort from which on features are changed one after the other


def by_searches(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run the searches near the sample, alone; what they found and proved is taken over by the union."""
    search = ground.search.anew(best, step, partial)
    share = 1.0 if queries is None else float(np.clip(ground.budget.queries / DEFAULT_QUERIES, 0.01, 10.0))
    search.run(effort_of(ground, share))
    ground.search.exact |= search.exact & ~ground.meter.refused  # what could not be asked is not excluded
    if isinstance(best, AttackBest):
        best.methods = search.method
    return []


def among_leaves(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run the tree attack: it asks the trees where they are known, and then the model only whether they are right."""
    problem, knowledge, limit = ground.problem, ground.knowledge, ground.budget.memory_limit
    settings = TreeSettings(memory_limit=limit)
    if queries is not None:
        share = float(np.clip(ground.budget.queries / DEFAULT_QUERIES, 0.01, 10.0))
        neighbours, starts, rounds = (max(1, round(share * count)) for count in _AMONG_LEAVES)
        settings = TreeSettings(neighbours, starts, max(3, rounds), max(1, queries // starts), limit)
    inside = knowledge.pool, knowledge.classes, knowledge.thresholds, knowledge.trees
    return tree_attack(problem, best, *inside, settings, ground.budget.seed, step, partial)
