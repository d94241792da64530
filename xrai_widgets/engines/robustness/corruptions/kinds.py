"""The corruptions of a table: what happens to which cells, at five severities of fixed meaning."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.robustness.corruptions.columns import Columns

SEVERITIES = (1, 2, 3, 4, 5)
SHARES = (0.01, 0.05, 0.10, 0.20, 0.40)  # of the cells
NOISE = (0.05, 0.1, 0.2, 0.4, 0.8)  # standard deviation, in interquartile ranges
ROUNDING = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)  # of the interquartile range
OUTLIERS = (1.5, 2.5, 4.0, 6.5, 10.0)  # ranges away from the median
_OUTLYING = 0.05  # share of the cells that are outliers at each severity


class Draws(NamedTuple):
    """What is drawn for each cell (n, d): two numbers in [0, 1), and one of a normal distribution."""

    chance: Array
    pick: Array
    normal: Array


def draws_of(rows: Array, width: int, kind: int, seed: int, round_: int = 0) -> Draws:
    """Return the draws of one kind of corruption for samples, by their places in X: the same for every model.

    Parameters
    ----------
    rows : int array (n,)
    round_ : int
        Another number gives fresh draws.
    """
    made = np.empty((3, len(rows), width))
    for place, row in enumerate(rows.tolist()):
        rng = np.random.default_rng([seed, row, kind, round_])
        made[0, place], made[1, place] = rng.random((2, width))
        made[2, place] = rng.normal(size=width)
    return Draws(*made)


def _noise(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    made: Array = X + np.where(columns.numeric, NOISE[level] * columns.iqr * draws.normal, 0.0)
    return made


def _missing(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    hit = (draws.chance < SHARES[level]) & columns.may_miss
    return np.where(hit, columns.empty, X)


def _rounding(X: Array, _draws: Draws, columns: Columns, level: int) -> Array:
    unit = np.where(columns.iqr > 0, ROUNDING[level] * columns.iqr, 1.0)
    return np.where(columns.numeric & (columns.iqr > 0), np.round(X / unit) * unit, X)


def _outliers(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    far = columns.median + np.where(draws.pick < 0.5, -1.0, 1.0) * OUTLIERS[level] * columns.span
    return np.where((draws.chance < _OUTLYING) & columns.numeric & ~np.isnan(X), far, X)


def _swapped(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    """Swap cells of pairs of numeric columns, paired anew for each sample; with an odd number one stays alone."""
    made, places = X.copy(), np.flatnonzero(columns.numeric)
    order = places[np.argsort(draws.pick[:, places], axis=1)]
    first, second = order[:, 0 : 2 * (len(places) // 2) : 2], order[:, 1::2]
    rows = np.arange(len(X))[:, None]
    whole = ~np.isnan(X[rows, first]) & ~np.isnan(X[rows, second])  # no empty cell goes where there was none
    hit = (draws.chance[rows, first] < SHARES[level]) & whole
    made[rows, first] = np.where(hit, X[rows, second], X[rows, first])
    made[rows, second] = np.where(hit, X[rows, first], X[rows, second])
    return made


def _units(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    """Times ten, times a thousand, °C read as °F and the other way round, each as often as the others."""
    which = np.floor(4 * draws.pick)
    changed = np.select([which == 0, which == 1, which == 2], [10 * X, 1000 * X, 1.8 * X + 32], (X - 32) / 1.8)
    return np.where((draws.chance < SHARES[level]) & columns.numeric, changed, X)


def _stale(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    """The cell holds what another sample has there; columns of one one-hot group go together."""
    hit = draws.chance[:, columns.leader] < SHARES[level]
    donors = columns.donors
    rows = np.floor(len(donors) * draws.pick[:, columns.leader]).astype(np.intp)
    return np.where(hit, donors[rows, np.arange(X.shape[1])], X)


def _typos(X: Array, draws: Draws, columns: Columns, level: int) -> Array:
    made = X.copy()
    for column, mistyped in columns.typos.items():
        hit = draws.chance[:, column] < SHARES[level]
        codes = np.clip(X[:, column], 0, len(mistyped) - 1).astype(np.intp)
        made[:, column] = np.where(hit, mistyped[codes], X[:, column])
    return made


Corruption = Callable[[Array, Draws, Columns, int], Array]
KINDS: dict[str, Corruption] = {
    "noise": _noise,
    "missing": _missing,
    "rounding": _rounding,
    "outliers": _outliers,
    "swapped columns": _swapped,
    "shifted units": _units,
    "stale values": _stale,
    "category typos": _typos,
}


def touched(kind: str, columns: Columns) -> Array:
    """Return the mask (d,) of the columns that a kind of corruption can change."""
    words = np.isin(np.arange(len(columns.numeric)), list(columns.typos))
    if kind == "swapped columns" and columns.numeric.sum() < 2:
        return np.zeros_like(columns.numeric)
    masks = {"missing": columns.may_miss, "stale values": np.ones_like(words), "category typos": words}
    return masks.get(kind, columns.numeric)


def corrupted(kind: str, severity: int, X: Array, draws: Draws, columns: Columns) -> Array:
    """Return samples (n, d) with a corruption; whole numbers stay whole."""
    made = KINDS[kind](X, draws, columns, severity - 1)
    changed = columns.whole & (made != X) & ~np.isnan(made)
    return np.where(changed, np.rint(made), made)
