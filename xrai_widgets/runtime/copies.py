"""Rows that are copies of one another, or nearly: a person who stands in the data twice."""

import numpy as np

from xrai_widgets.core import Array

_NEAR = 0.05  # of the usual distance between a sample and the nearest other one: nearer is nearly a copy
_COMMON = 25  # a row that occurs more often is a common value, not a copy
_COLUMNS, _ROWS, _TRAIN = 256, 1000, 50_000  # looked at, spread evenly
_EQUAL = 1e-5  # distances below this are rounding


def copy_groups(X: Array) -> Array:
    """Return a number per row (n,): rows that are copies of one another, or nearly, share it.

    A row that occurs more than 25 times is no copy of a person but a common one (few columns with few values): each of
    its occurrences has its own number.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    flat = _scaled(X, X)
    distance = _distances(flat, flat)
    usual, _ = _spacing(distance)
    first, second = np.nonzero(distance <= max(_NEAR * usual, _EQUAL))
    joined = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=distance.shape)
    _, groups = connected_components(joined, directed=False)
    common = np.bincount(groups)[groups] > _COMMON
    return np.asarray(np.where(common, len(groups) + np.arange(len(groups)), groups))


def near_copies(X: Array, X_train: Array) -> tuple[int, int]:
    """Count the held-out rows that are nearly, but not quite, a training row; return (how many, of how many looked at).

    Near is a twentieth of the median distance between a held-out row and the nearest different held-out one, columns in
    units of their standard deviation. As many as chance makes so near, judged by the dimension of the held-out rows
    (ratios of nearest distances: Facco et al. 2017, Scientific Reports 7), are no copies, and 0 is returned.
    """
    held, train = _spread(X, _ROWS), _spread(X_train, _TRAIN)
    rows, others = _scaled(held, held), _scaled(train, held)
    if len(rows) < 3 or not rows.shape[1]:
        return 0, len(rows)
    usual, dimension = _spacing(_distances(rows, rows))
    if not np.isfinite(usual):
        return 0, len(rows)
    nearest = np.full(len(rows), np.inf)
    for start in range(0, len(others), 2000):
        nearest = np.minimum(nearest, _distances(rows, others[start : start + 2000]).min(axis=1))
    equal = np.isin(_keys(held), _keys(X_train))
    count = int(((nearest <= _NEAR * usual) & ~equal).sum())
    chance = 1 - 2.0 ** (-len(others) / len(rows) * _NEAR**dimension)
    by_luck = len(rows) * chance + 3 * np.sqrt(len(rows) * chance)
    return (count if count > max(2.0, 0.01 * len(rows), by_luck) else 0), len(rows)


def _keys(X: Array) -> Array:
    return np.array([hash(row.tobytes()) for row in np.ascontiguousarray(X)])


def _spread(X: Array, most: int) -> Array:
    return X if len(X) <= most else X[np.linspace(0, len(X), most, endpoint=False).astype(int)]


def _scaled(X: Array, by: Array) -> Array:
    """Return the columns that vary in ``by``, at most 256, in units of their standard deviation there."""
    flat, held = (part.reshape(len(part), -1) for part in (X, by))
    if held.shape[1] > _COLUMNS:
        kept = np.linspace(0, held.shape[1], _COLUMNS, endpoint=False).astype(int)
        flat, held = flat[:, kept], held[:, kept]
    flat, held = (filled_below(part.astype(np.float64), held) for part in (flat, held))
    spread = held.std(axis=0)
    varies = spread > 0
    return np.asarray((flat - held.mean(axis=0))[:, varies] / spread[varies])


def filled_below(flat: Array, by: Array) -> Array:
    """Return flat samples in which missing numbers have a value of their own, well below all others in ``by``."""
    gone = np.isnan(flat)
    if not gone.any():
        return flat
    low, high = (np.nan_to_num(end.reduce(by, axis=0).astype(np.float64)) for end in (np.fmin, np.fmax))
    return np.where(gone, low - np.maximum(high - low, 1e-6 * np.abs(low)) - (high == low), flat)


def _distances(first: Array, second: Array) -> Array:
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _spacing(distance: Array) -> tuple[float, float]:
    """Return the median distance to the nearest different row, and of how many dimensions the rows seem to be."""
    different = np.where(distance > _EQUAL, distance, np.inf)
    if different.shape[1] < 2:
        return np.inf, np.inf
    nearest = np.partition(different, 1, axis=1)[:, :2]
    nearest = nearest[np.isfinite(nearest).all(axis=1)]
    if not len(nearest):
        return np.inf, np.inf
    growth = float(np.median(np.log(nearest[:, 1] / nearest[:, 0])))
    return float(np.median(nearest[:, 0])), np.log(2) / growth if growth > 0 else np.inf
