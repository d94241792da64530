"""Rank correlation of two scores of the same samples, alone and given others, with intervals and p-values."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from xrai_widgets.core.subject import Array

FEWEST = 10  # samples that both scores must have
_RESAMPLES = 2000
_LEVEL = 0.95
_AT_ONCE = 4_000_000  # numbers in one array of resamples
_SPENT = 1e-6  # share of a score's variance that the controls must leave for a partial correlation to mean anything


@dataclass(frozen=True)
class Correlation:
    """Spearman's ρ, or the partial one: value, bootstrap interval, permutation p-value. NaN where it has no meaning."""

    rho: float
    low: float
    high: float
    p: float


NOTHING = Correlation(np.nan, np.nan, np.nan, np.nan)


def spearman(first: Array, second: Array, controls: Array | None = None, seed: int = 0) -> Correlation:
    """Return the rank correlation of two scores, given the controls.

    Parameters
    ----------
    first, second : array (n,)
        Ties share their middle rank; infinite scores are farther than all others, and tied.
    controls : array (c, n), optional
        What is held fixed: the partial correlation is that of the ranks, less what is linear in the ranks of these.
    seed : int

    Returns
    -------
    Correlation
        The interval (95 %) is that of 2,000 resamples of the samples, ranked anew each time, by percentiles of
        Fisher's z around the value, corrected for its bias in the resamples. The p-value permutes the samples; in a
        partial correlation the residuals (Freedman, Lane 1983). Both take samples as drawn independently.

    Notes
    -----
    Spearman 1904; Efron 1987, BCa without acceleration.
    """
    if len(first) < FEWEST:
        return NOTHING
    rows = [first, second, *(() if controls is None else controls)]
    ranks = np.stack([stats.rankdata(row) for row in rows])
    varies = ranks.std(axis=1) > 0
    if not varies[:2].all():
        return NOTHING
    ranks = ranks[varies]  # a control that is the same for all holds nothing fixed
    left = _left_over(ranks)
    if left is None:
        return NOTHING
    value = _correlation(*left)
    rng = np.random.default_rng(seed)
    resampled = _resampled([row for row, keep in zip(rows, varies, strict=True) if keep], rng)
    low, high = _bias_corrected(value, resampled)
    return Correlation(value, low, high, _p_value(ranks, left, value, rng))


def of_counts(rows: list[Array], counts: Callable[[int], Array], times: int, at_once: int) -> Correlation:
    """Return the rank correlation of two scores with the interval of resamples that are drawn elsewhere, without p.

    Parameters
    ----------
    rows : list of two arrays (n,)
    counts : callable
        size → (size, n): how often each pair is in each resample.
    times, at_once : int
        Resamples, and how many are held at once.
    """
    value = float(stats.spearmanr(*rows).statistic)
    sizes = [min(at_once, times - start) for start in range(0, times, at_once)]
    resampled = np.concatenate([_from_counts(rows, counts(size)) for size in sizes])
    low, high = _bias_corrected(value, resampled[np.isfinite(resampled)])
    return Correlation(value, low, high, np.nan)


def _left_over(ranks: Array) -> tuple[Array, Array] | None:
    """Return what the controls leave of both scores' ranks; None where that is nothing."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    design = centred[2:].T
    left = []
    for row in centred[:2]:
        rest = row - design @ np.linalg.lstsq(design, row, rcond=None)[0] if len(centred) > 2 else row
        if (rest @ rest) <= _SPENT * (row @ row):
            return None
        left.append(rest)
    return left[0], left[1]


def _correlation(first: Array, second: Array) -> float:
    return float(np.clip(first @ second / np.sqrt((first @ first) * (second @ second)), -1.0, 1.0))


def _resampled(rows: list[Array], rng: np.random.Generator) -> Array:
    """Return the correlation in each resample that has one."""
    n = len(rows[0])
    chunk = max(1, _AT_ONCE // (n * len(rows)))
    parts = []
    for start in range(0, _RESAMPLES, chunk):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(chunk, _RESAMPLES - start)).astype(np.float64)
        parts.append(_from_counts(rows, counts))
    values: Array = np.concatenate(parts)
    kept: Array = values[np.isfinite(values)]
    return kept


def _from_counts(rows: list[Array], counts: Array) -> Array:
    """Return the correlations of resamples that hold each sample so many times (b, n)."""
    sizes = counts.sum(axis=1)
    ranks = np.stack([_mid_ranks(row, counts) for row in rows]) - (sizes[:, None] + 1) / 2
    products = np.einsum("ibn,jbn,bn->bij", ranks, ranks, counts, optimize=True) / np.maximum(sizes, 1)[:, None, None]
    return _from_products(products)


def _mid_ranks(row: Array, counts: Array) -> Array:
    """Return the middle rank of each value in samples that hold it ``counts`` times: (b, n)."""
    order = np.argsort(row, kind="stable")
    ordered = row[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    tied = np.add.reduceat(counts[:, order], starts, axis=1)
    middle = np.cumsum(tied, axis=1) - (tied - 1) / 2
    ranks = np.empty_like(counts)
    ranks[:, order] = np.repeat(middle, np.diff(np.r_[starts, len(row)]), axis=1)
    return ranks


def _from_products(products: Array) -> Array:
    """Return the (partial) correlations of the first two of b covariance matrices; NaN where something is constant."""
    inner, cross = products[:, :2, :2], products[:, :2, 2:]
    if cross.shape[2]:
        inner = inner - cross @ np.linalg.pinv(products[:, 2:, 2:], hermitian=True) @ cross.transpose(0, 2, 1)
    size = inner[:, 0, 0] * inner[:, 1, 1]
    whole = products[:, 0, 0] * products[:, 1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = np.clip(inner[:, 0, 1] / np.sqrt(np.abs(size)), -1, 1)
    rho[size <= _SPENT**2 * whole] = np.nan
    partial: Array = rho
    return partial


def _bias_corrected(value: float, resampled: Array) -> tuple[float, float]:
    if not len(resampled):
        return -1.0, 1.0
    below = (np.sum(resampled < value) + np.sum(resampled == value) / 2) / len(resampled)
    shift = stats.norm.ppf(np.clip(below, 1 / len(resampled), 1 - 1 / len(resampled)))
    ends = stats.norm.cdf(2 * shift + stats.norm.ppf([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]))
    low, high = np.quantile(resampled, ends)
    return float(min(low, value)), float(max(high, value))


def _p_value(ranks: Array, left: tuple[Array, Array], value: float, rng: np.random.Generator) -> float:
    """Permute what is left of the second score; with controls, take from each permutation what they explain of it."""
    n = len(left[0])
    design = (ranks[2:] - ranks[2:].mean(axis=1, keepdims=True)).T
    basis = np.linalg.qr(design)[0] if design.shape[1] else np.empty((n, 0))
    as_far, chunk = 0, max(1, _AT_ONCE // n)
    for start in range(0, _RESAMPLES, chunk):
        mixed = rng.permuted(np.tile(left[1], (min(chunk, _RESAMPLES - start), 1)), axis=1)
        rest = mixed - (mixed @ basis) @ basis.T
        sizes = np.sqrt(np.einsum("bn,bn->b", rest, rest) * (left[0] @ left[0]))
        as_far += int(np.sum(np.abs(rest @ left[0]) >= (abs(value) - 1e-12) * sizes))
    return (1 + as_far) / (1 + _RESAMPLES)
