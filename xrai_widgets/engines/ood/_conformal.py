"""From scores to p-values: how many normal rows look as foreign as this one?"""

import numpy as np

from xrai_widgets.core import Array

_ROUNDING = 1e-12
_LAST = 4e-6  # of a score that may be the rounding of float32


def p_values(foreignness: Array, calibration: Array) -> Array:
    """Return split-conformal p-values, (1 + number of calibration rows that are as foreign) / (n + 1).

    Of a row that is exchangeable with those that calibrate, P(p ≤ α) ≤ α for every α (Vovk, Gammerman, Shafer 2005).

    Parameters
    ----------
    foreignness : array (m,)
        Higher is more foreign.
    calibration : array (n,)
        Rising.
    """
    return (1 + as_foreign(foreignness, calibration)) / (len(calibration) + 1)


def as_foreign(foreignness: Array, calibration: Array) -> Array:
    """Return how many of the calibration rows (n,), rising, are at least as foreign as each of (m,).

    One that is less foreign by no more than a network's rounding counts, too: a row's score must not decide by its last
    digits, which depend on the rows that are asked about together. That makes p-values larger, never smaller.
    """
    count: Array = len(calibration) - np.searchsorted(calibration, foreignness - _LAST * np.abs(foreignness), "left")
    return count


def rank(alpha: float, n: int) -> int:
    """Return ⌊α (n + 1)⌋: how many steps of 1 / (n + 1) an alarm at α allows; 0 means that it can never ring."""
    return int(np.floor(alpha * (n + 1) * (1 + _ROUNDING)))


def threshold(calibration: Array, alpha: float) -> float:
    """Return the foreignness above which p ≤ α; infinite where n rows (rising) are too few for that."""
    steps = rank(alpha, len(calibration))
    return float(calibration[-min(steps, len(calibration))]) if steps >= 1 else float("inf")


def rings(p: Array, alpha: float) -> Array:
    """Return where p ≤ α, rounding apart."""
    mask: Array = p <= alpha * (1 + _ROUNDING)
    return mask


def discoveries(p: Array, rate: float) -> Array:
    """Return which rows of a batch are flagged so that at most a share ``rate`` of the flags is false on average.

    Benjamini and Hochberg (1995). Conformal p-values that share their calibration rows depend on each other
    positively, so that it holds for them (Bates, Candès, Lei, Romano, Sesia 2023).
    """
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / max(len(p), 1) * (1 + _ROUNDING))
    flagged = np.zeros(len(p), dtype=bool)
    if len(passed):
        flagged[order[: passed[-1] + 1]] = True
    return flagged


def fewest(rows: int, calibration: int, rate: float) -> int:
    """Return how many of a batch must be as foreign as can be before `discoveries` flags any: m / (rate · (n + 1))."""
    return int(np.ceil(rows / (rate * (calibration + 1)) * (1 - _ROUNDING)))
