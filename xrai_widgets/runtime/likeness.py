"""How far a model is from models that were trained like it, beside how far those are from each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array

_SAME = 1e-4  # of a class probability, or of the targets' standard deviation: less changes no number on the page
_MARGIN = 1.5


@dataclass(frozen=True)
class Likeness:
    """What trainings say about a model.

    Parameters
    ----------
    size, elsewhere : float
        Largest difference between an output of the model and that of the first one trained anew, at training samples
        and at others.
    noise : float
        Largest difference between two of those trained anew; 0 if they are the same.
    trainings : int
    differs : bool
        The model is another one than chance in training explains.
    """

    size: float
    elsewhere: float
    noise: float
    trainings: int
    differs: bool


def is_settled(outputs: Array, retrained: Sequence[Array], unit: float) -> bool:
    """Whether no further training is needed: the model was met, or lies among its like."""
    if _far(outputs, retrained[0]) <= _SAME * unit:
        return True
    if len(retrained) == 1:
        return False
    return _noise(retrained, unit) == 0 or (len(retrained) > 2 and not _outside(outputs, retrained))


def compared(outputs: Array, retrained: Sequence[Array], unit: float, members: int) -> Likeness:
    """Return how like the model those are that were trained like it.

    Parameters
    ----------
    outputs : array (n, …)
        Outputs of the model, first those at training samples.
    retrained : sequence of array (n, …)
        Outputs of models trained anew; the first one by the model's own random state.
    unit : float
        1 for probabilities, the standard deviation of the targets in a regression.
    members : int
        Training samples among them.

    Notes
    -----
    Models that are trained like the audited one are exchangeable with it. With m of them its root mean square distance
    from their mean, times √(m/(m + 1)), is distributed like that of each of them from the mean of the others, times
    √((m − 1)/m). It differs if its distance is more than 1.5 times the largest of theirs.
    """
    sizes = _far(outputs[:members], retrained[0][:members]), _far(outputs[members:], retrained[0][members:])
    if max(sizes) <= _SAME * unit:
        return Likeness(*sizes, 0.0, len(retrained), False)
    noise = _noise(retrained, unit)
    return Likeness(*sizes, noise, len(retrained), noise == 0 or _outside(outputs, retrained))


def _outside(outputs: Array, retrained: Sequence[Array]) -> bool:
    flat = np.asarray(retrained, dtype=np.float64).reshape(len(retrained), -1)
    m, mean = len(flat), flat.mean(axis=0)
    theirs = np.sqrt(np.mean((flat - mean) ** 2, axis=1) * m / (m - 1))
    its = np.sqrt(np.mean((outputs.reshape(-1) - mean) ** 2) * m / (m + 1))
    return bool(its > _MARGIN * theirs.max())


def _noise(retrained: Sequence[Array], unit: float) -> float:
    noise = max(_far(one, other) for place, one in enumerate(retrained) for other in retrained[:place])
    return noise if noise > _SAME * unit else 0.0


def _far(one: Array, other: Array) -> float:
    return float(np.abs(np.asarray(one, dtype=np.float64) - other).max(initial=0.0))
