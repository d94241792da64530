"""How different two predictions are, and whose turn it is to be left out."""

from collections.abc import Callable

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._rows import named_rows
from xrai_widgets.engines.privacy.pdtp.finding import Leakage

Scale = Callable[[Array], Array]
_CENTRES = (np.arange(100) + 0.5) / 100


def scale(p: Array, *, floor: float, binned: bool) -> Array:
    """Return the logarithms of probabilities, kept away from 0 by the floor or by the centres of hundredths."""
    if binned:  # a probability on the edge of two hundredths belongs to the upper one
        hundredth = np.clip((p * 100 + 1e-9).astype(np.intp), 0, 99)
        logs: Array = np.log(_CENTRES)[hundredth]
    else:
        logs = np.log(np.maximum(p, floor))
    return logs


def plain(values: Array) -> Array:
    """Return predictions of a regression as they are."""
    return values


def choose(samples: str, n_samples: int, ids: Array, seed: int) -> Array:
    """Return the rows to leave out: those with the given ids, else a draw without replacement in random order."""
    rng = np.random.default_rng((seed, 0))
    rows = named_rows(samples, ids)
    return rng.permutation(len(ids))[:n_samples] if rows is None else rng.permutation(rows)


def vanishing(y: Array, chosen: Array, classes: int) -> Array:
    """Return whether only one class would be left without a row, for each chosen one."""
    if not classes:
        return np.zeros(len(chosen), dtype=bool)
    counts = np.bincount(y, minlength=classes)
    left = (counts > 0).sum() - (counts[y[chosen]] == 1)
    mask: Array = left < 2
    return mask


def add(leak: Leakage, scaled: Scale, places: Array, without: Array, y: Array, draws: Array) -> None:
    """Note what leaving out samples changed.

    Parameters
    ----------
    places : int array (b,)
        Of the samples in the order of looking.
    without : array (b, 1 or n, k)
        Outputs of models trained without them, at the sample itself or everywhere.
    draws : array (c,)
        Uniform random numbers, one per chosen sample: they decide ties of the rank p-value.
    """
    everywhere = without.shape[1] > 1
    reference = leak.reference[None] if everywhere else leak.reference[places][:, None]
    apart = np.abs(scaled(without) - reference, order="K")
    raw = apart.max(axis=2).max(axis=1)
    leak.raw[places] = raw
    if leak.draws:
        noise = leak.noise[places]
        above, equal = (noise > raw[:, None]).sum(axis=1), (noise == raw[:, None]).sum(axis=1)
        leak.p[places] = (above + draws[places] * (equal + 1)) / (leak.draws + 1)
    rows = leak.chosen[places]
    left_out = without[np.arange(len(places)), rows if everywhere else 0, 0]
    leak.residuals[places] = y[rows] - left_out
