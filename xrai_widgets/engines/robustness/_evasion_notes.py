"""What the reader must know about how an attack went."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines.robustness._evasion_parts import Attacked

_NEARER = 0.01


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
        lost = int((zero & ~best.found).sum())
        return [
            f"The gradient vanishes for {zero.mean():.0%} of the samples ({lost} of them not broken by it): "
            "try attack='hop_skip_jump'."
        ]
    return []


def beaten(after: Array, best: Best, name: str) -> list[str]:
    """Say for how many samples other searches came nearer than the chosen attack."""
    nearer = best.found & (best.distance < after * (1 - _NEARER))
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
