"""Attack lint: signs that an attack was weaker than it could be, as notes for the reader."""

from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines.robustness.evasion.gradient_descent import Settings, projected_gradient_descent
from xrai_widgets.engines.robustness.evasion.ground import Ground

_NEARER = 0.01
_ZERO, _MANY = 1e-10, 0.1
_LOOKED_AT = 20  # samples


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
    zero = slope < _ZERO
    if len(zero) and zero.mean() > _MANY:
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


def rises(ground: Ground, best: Best, settings: Settings, step: Step) -> list[str]:
    """Say whether samples that are broken at a small size withstand the same climb at the largest one.

    They cannot, as every small change is one of the larger ball: where they do, the climb goes astray.
    """
    problem, largest = ground.problem, max(settings.epsilons)
    some = np.flatnonzero(best.distance <= largest / 2)[:_LOOKED_AT]
    gradient = ground.knowledge.gradient
    if not len(some) or gradient is None:
        return []
    part = problem.some(some)
    again, once = Best.nothing(part), replace(settings, epsilons=(largest,), restarts=1, rivals=False)
    k, seed = ground.budget.n_classes, ground.budget.seed
    projected_gradient_descent(part, again, gradient, once, seed, step, n_classes=k)
    lost = int((~again.success).sum())
    if lost <= _MANY * len(some):
        return []
    return [
        f"Accuracy rises with ε: {lost} of {len(some)} samples that were broken at a smaller size withstand the same "
        f"climb at ε = {largest:g}. Gradients lead astray there: take more steps, or other attacks."
    ]


def too_small(short: int, queries: int) -> list[str]:
    """Say how many attacks the budget does not pay for."""
    if not short:
        return []
    return [
        f"The budget of {queries:,} queries per sample is too small for {short} of the attacks that fit: the table "
        "of attacks says how many they need. Raise queries."
    ]


def masked(black: Array, white: Array, epsilon: float) -> list[str]:
    """Say whether attacks that ask for outputs only break samples that those with gradients leave standing.

    Parameters
    ----------
    black, white : array (n,)
        Nearest distance that either kind found.
    """
    count = int(((black <= epsilon) & (white > epsilon)).sum())
    if not count:
        return []
    return [
        f"{count} of {len(black)} samples were broken within ε = {epsilon:g} without gradients and by no attack that "
        "follows them: the gradients mislead (masked, rounded or too rough), or those attacks had too few steps."
    ]
