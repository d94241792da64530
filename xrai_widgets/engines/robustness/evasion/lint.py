"""Attack lint: signs that an attack was weaker than it could be, as notes for the reader."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import Best

_NEARER = 0.01
_ZERO, _MANY = 1e-10, 0.1


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
