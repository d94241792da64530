"""How the attack of evasion goes: exactly where that can be done, else the chosen attack, then the other searches.

And what the reader must know about how it went.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array, Finding, Gradient, NotApplicable, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd
from xrai_widgets.engines.robustness.evasion.parts import Attacked
from xrai_widgets.engines.robustness.evasion.search import Effort, Knowledge, Search, near_hits

_NEARER = 0.01
_NOISE = 20  # draws of plain noise per sample that was not broken
ITERATIONS, ON_TABLES, AMONG_TREES = 24, 12, 3  # of HopSkipJump
_LIGHT = Effort(near=10, coordinates=False, flat=600, wide=40, rounds=10)  # beside gradients, and on images
_NAMES = {"hop_skip_jump": "HopSkipJump", "pgd": "projected gradient descent"}


@dataclass(frozen=True)
class Budget:
    """What the chosen attack may spend."""

    max_iter: int | None
    hsj: hsj.Settings
    pgd: pgd.Settings
    seed: int
    n_classes: int


def attack_all(
    attacked: Attacked,
    budget: Budget,
    attack: str,
    implementation: str,
    knowledge: Knowledge,
    step: Step,
    made: Callable[..., Finding],
) -> list[str]:
    """Attack, fill ``attacked.best`` in place, and return what the reader must know about how it went."""
    problem, best, gradient = attacked.problem, attacked.best, knowledge.gradient
    if not len(problem.samples):
        return ["The model classifies none of the drawn samples correctly: there is nothing to attack."]

    def partial() -> Finding:
        note = "The attack was not finished: distances are larger than they would become."
        return made(attacked, [note], finished=False)

    if attack == "pgd" and gradient is None:
        raise ValueError(f"attack={attack!r} needs gradient=, got None")
    if implementation == "art":
        if attacked.band is not None:
            raise NotApplicable("ART's attacks are made for classifiers", "implementation='native'")
        return _art(attacked, budget, attack, gradient, step, partial)
    search = Search(problem, best, knowledge, budget.seed, step.part(0.6, 0.97), partial)
    attacked.search = search
    step(0.0, "exact distances, where the model's form gives them", partial)
    if search.solve():
        return ["All distances are exact: the model is linear, or a single tree."]
    knowledge.classes = problem.outputs(knowledge.pool)
    search.learn_rule()
    here = step.part(0.02, 0.6)
    if gradient is not None and attack == "pgd":
        k, seed = budget.n_classes, budget.seed
        slope = pgd.projected_gradient_descent(problem, best, gradient, budget.pgd, seed, here, partial, n_classes=k)
        notes, effort = blind(slope, best), _LIGHT
    else:
        settings = replace(budget.hsj, max_iter=budget.max_iter or _iterations(problem, knowledge))
        history = hsj.hop_skip_jump(
            problem, best, knowledge.pool, knowledge.classes, settings, budget.seed, here, partial
        )
        notes, effort = still_falling(history), Effort() if len(problem.shape) == 1 else _LIGHT
    search.attacked(_NAMES[attack])
    after = best.distance.copy()
    search.run(effort)
    search.finish()
    notes += beaten(after, best, _NAMES[attack])
    return notes + noise_note(attacked, near_hits(problem, best, attacked.epsilon, _NOISE, budget.seed))


def _art(
    attacked: Attacked, budget: Budget, attack: str, gradient: Gradient | None, step: Step, partial: Partial
) -> list[str]:
    """Attack by ART alone: a second opinion gets no help."""
    from xrai_widgets.engines.robustness.evasion import art_attacks as art

    problem, best, k, seed = attacked.problem, attacked.best, budget.n_classes, budget.seed
    if attack == "pgd" and gradient is not None:
        art.art_gradient_descent(problem, best, gradient, k, budget.pgd, seed, step, partial)
        return []
    settings = replace(budget.hsj, max_iter=budget.max_iter or ITERATIONS)
    art.art_hop_skip_jump(problem, best, k, settings, seed, step, partial)
    return ["ART's HopSkipJump stops short of the boundary: its distances are too large."]


def _iterations(problem: Problem, knowledge: Knowledge) -> int:
    """Return how often HopSkipJump steps: less where the other searches find more for the same queries."""
    if knowledge.thresholds is not None:
        return AMONG_TREES
    return ON_TABLES if len(problem.shape) == 1 else ITERATIONS


def still_falling(history: Array) -> list[str]:
    """Say whether the last iterations of HopSkipJump still gained."""
    if len(history) < 10:
        return []
    early, late = (np.median(history[i]) for i in (-max(2, len(history) // 5), -1))
    if np.isfinite(early) and late < 0.95 * early:
        return [
            f"The median distance still fell by {1 - late / early:.0%} in the last fifth of the attack: raise max_iter."
        ]
    return []


def blind(slope: Array, best: Best) -> list[str]:
    """Say whether the gradient vanishes for many samples."""
    zero = slope < 1e-10
    if len(zero) and zero.mean() > 0.1:
        lost = int((zero & ~best.success).sum())
        return [
            f"The gradient vanishes for {zero.mean():.0%} of the samples ({lost} of them not broken by it): "
            "try attack='hop_skip_jump'."
        ]
    return []


def beaten(after: Array, best: Best, name: str) -> list[str]:
    """Say for how many samples other searches came nearer than the chosen attack."""
    nearer = best.success & (best.distance < after * (1 - _NEARER))
    count = int(nearer.sum())
    if not count:
        return []
    return [
        f"For {count} of {len(after)} samples another search found a change that is nearer by more than "
        f"{_NEARER:.0%} than what {name} found: the column found_by names it."
    ]


def noise_note(attacked: Attacked, broken: Array) -> list[str]:
    """Say how many samples nothing but plain noise of size ε has broken."""
    count = int(broken.sum())
    if not count:
        return []
    if attacked.search is not None:
        attacked.search.method[broken] = "plain noise"
    return [
        f"Plain noise of size {attacked.epsilon:g} broke {count} samples that every search had left standing; they "
        "count as broken. Raise the budget: there are more."
    ]
