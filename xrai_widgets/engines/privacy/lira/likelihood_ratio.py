"""How surprising is the model's confidence in a sample, beside reference models with and without that sample?"""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array

_LEAST_SPREAD = 1e-3  # of log-odds; a smaller one would turn rounding into evidence
_ARRAYS = 6  # float64 arrays of the size of one block that are alive at once
_BLOCK = 1 << 20  # more entries per block than this no longer fit the cache


class Moments(NamedTuple):
    """Mean and sum of squared deviations of the reference models' log-odds per sample, in one arm."""

    number: Array
    mean: Array
    squares: Array

    def spread(self, pooled: bool) -> Array:
        """Return the standard deviation per sample, or one for all of them."""
        free = self.number - 1
        variance = self.squares.sum() / free.sum() if pooled else self.squares / free
        spread: Array = np.maximum(np.sqrt(variance), _LEAST_SPREAD)
        return spread


def log_odds(p: Array, floor: float) -> Array:
    """Return log(p/(1 − p)), with p and 1 − p kept away from 0 by the floor."""
    odds: Array = np.log(np.maximum(p, floor)) - np.log(np.maximum(1 - p, floor))
    return odds


def moments(p: Array, inside: Array, floor: float, memory: float) -> tuple[Moments, Moments]:
    """Return the moments of the models trained with each sample, and of those trained without it.

    Parameters
    ----------
    p : array (k, n)
        Confidence of each of the k reference models in each of the n samples.
    inside : bool array (k, n)
        Which samples each model was trained on.
    floor : float
    memory : float
        GB that the working arrays may take.
    """
    k, n = p.shape
    block = max(1, min(_BLOCK, int(memory * 1e9 / 8 / _ARRAYS)) // k)
    sums = np.zeros((2, 3, n))
    for start in range(0, n, block):
        part = slice(start, start + block)
        phi = log_odds(p[:, part], floor)
        for arm, mask in enumerate((inside[:, part], ~inside[:, part])):
            count = mask.sum(axis=0)
            mean = np.where(mask, phi, 0.0).sum(axis=0) / np.maximum(count, 1)
            sums[arm, :, part] = count, mean, np.where(mask, (phi - mean) ** 2, 0.0).sum(axis=0)
    return Moments(*sums[0]), Moments(*sums[1])


def offline_ratio(phi: Array, out: Moments, pooled: bool) -> Array:
    """Return (φ − μ_out)/σ_out, in the order of 1 − Pr[N(μ_out, σ_out²) > φ] and without its rounding to 1."""
    score: Array = (phi - out.mean) / out.spread(pooled)
    return score


def online_ratio(phi: Array, inside: Moments, out: Moments, pooled: bool) -> Array:
    """Return log N(φ; μ_in, σ_in²) − log N(φ; μ_out, σ_out²) (Carlini et al. 2022)."""
    scores = []
    for arm in (inside, out):
        spread = arm.spread(pooled)
        scores.append(-np.log(spread) - 0.5 * ((phi - arm.mean) / spread) ** 2)
    score: Array = scores[0] - scores[1]
    return score


def relative_ratio(p: Array, average: Array, gamma: float, floor: float) -> Array:
    """Return the share of samples z with (p_x/p̄_x)/(p_z/p̄_z) ≥ γ (Zarifzadeh, Liu, Shokri 2024).

    Parameters
    ----------
    p : array (n,)
        The model's confidence.
    average : array (n,)
        Mean confidence of all reference models, half of which were trained with the sample.
    """
    ratio = np.maximum(p, floor) / np.maximum(average, floor)
    share: Array = np.searchsorted(np.sort(ratio) * gamma, ratio, side="right") / len(ratio)
    return share


def gaussian_confidence(residuals: Array, scale: float) -> Array:
    """Return exp(−r²/2s²): the Gaussian density of the true value, relative to that at the predicted one."""
    p: Array = np.exp(-0.5 * np.square(residuals / scale))
    return p
