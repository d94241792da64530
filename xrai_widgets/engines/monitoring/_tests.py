"""p-values of two samples: exact or by permutation where values are tied or few, else asymptotic."""

from typing import NamedTuple

import numpy as np
from scipy import special, stats

from xrai_widgets.core import Array
from xrai_widgets.engines.monitoring._samples import TwoSamples, distances
from xrai_widgets.engines.monitoring._shares import Rows, chi_square, phi_square

PERMUTATIONS = 999
_EXACT = 10_000  # n·m up to which the distribution of D is computed
_LARGE = 2000  # size from which on its limit is corrected instead
_VALUES, _SMALL = 256, 5000  # distinct values, samples: up to which tied ones are permuted
_LEAST = 5.0  # expected count that the chi-square distribution needs


class PValues(NamedTuple):
    """Of Kolmogorov–Smirnov and Cramér–von Mises."""

    ks: float
    cvm: float


def of_numbers(samples: TwoSamples, rng: np.random.Generator) -> PValues:
    """Return p-values of both distances of two samples of numbers.

    Notes
    -----
    Without ties: D exactly (Hodges 1958) up to n·m = 10⁴, else asymptotically; ω² by its limit (Anderson 1962). With
    ties both limits are conservative, and samples are permuted: where no permutation reaches the statistic, the
    limit's p stands if it is smaller. Many distinct values in many samples are taken as untied.
    """
    values, rows = samples.pooled
    n, m = rows.sizes
    gaps = samples.distances
    limit = PValues(ks_p(float(gaps.ks), n, m), cvm_p(float(gaps.cvm), n, m))
    if not samples.tied:
        exact = n * m <= _EXACT
        ks = float(stats.ks_2samp(samples.before, samples.now, method="exact").pvalue) if exact else limit.ks
        return PValues(ks, limit.cvm)
    if len(values) <= _VALUES:
        drawn = permuted(rows, rng)
    elif n + m <= _SMALL:
        drawn = _shuffled(rows, rng)
    else:
        return limit
    reached = distances(values, drawn)
    return PValues(
        _of_permutations(reached.ks, float(gaps.ks), limit.ks),
        _of_permutations(reached.cvm, float(gaps.cvm), limit.cvm),
    )


def of_categories(rows: Rows, rng: np.random.Generator) -> float:
    """Return the p-value of a table of two rows: chi-square's, or by permutation where less than 5 are expected."""
    rows = rows.occupied()
    if len(rows.before) < 2 or min(rows.sizes) == 0:
        return 1.0
    n, m = rows.sizes
    expected = (rows.before + rows.now) * min(n, m) / (n + m)
    if expected.min() >= _LEAST:
        return float(stats.chi2.sf(chi_square(rows), len(rows.before) - 1))
    merged = _merged(rows, expected)
    limit = float(stats.chi2.sf(chi_square(merged), max(len(merged.before) - 1, 1)))
    if len(rows.before) > _VALUES:
        return limit
    drawn = permuted(rows, rng)
    return _of_permutations(phi_square(drawn.before, drawn.now), chi_square(rows) / (n + m), limit)


def of_shares(before: int, n: int, now: int, m: int) -> float:
    """Return the mid-p of Fisher's exact test of two shares: exact tests of few samples are too careful."""
    total, here = n + m, before + now
    low, high = max(0, here - m), min(n, here)
    if low == high:
        return 1.0
    if here > _EXACT:
        table = Rows(np.array([before, n - before]), np.array([now, m - now]))
        return float(stats.chi2.sf(chi_square(table), 1))
    support = np.arange(low, high + 1)
    chances = stats.hypergeom.pmf(support, total, here, n)
    mine = chances[before - low]
    rarer, tied = chances < mine * (1 - 1e-9), np.abs(chances - mine) <= mine * 1e-9
    return float(min(1.0, chances[rarer].sum() + chances[tied].sum() / 2))


def ks_p(d: float, n: int, m: int) -> float:
    """Return the asymptotic p-value of D."""
    size = max(round(n * m / (n + m)), 1)
    if size <= _LARGE:
        return float(stats.kstwo.sf(d, size))
    root = np.sqrt(size)  # to the order of size^(−3/2), and a hundred times faster (Vrbik 2018)
    return float(special.kolmogorov(d * root + 1 / (6 * root) + (d * root - 1) / (4 * size)))


def cvm_p(statistic: float, n: int, m: int) -> float:
    """Return the p-value of ω² of two samples by its limit, mean and variance matched (Anderson 1962)."""
    total = n + m
    mean = (1 + 1 / total) / 6
    variance = (total + 1) * (4 * m * n * total - 3 * (m**2 + n**2) - 2 * m * n) / (45 * total**2 * 4 * m * n)
    if variance <= 0:
        return 1.0
    x = 1 / 6 + (statistic - mean) / np.sqrt(45 * variance)
    return float(np.clip(1 - _cvm_limit(float(x)), 0.0, 1.0)) if x > 0.003 else 1.0


def _cvm_limit(x: float) -> float:
    """Return the limiting distribution function of ω² (Anderson and Darling 1952, equation 4.35)."""
    j = np.arange(20)
    a = 4 * j + 1
    y = np.square(a) / (16 * x)
    chosen = special.gamma(j + 0.5) / (np.pi**1.5 * special.gamma(j + 1))
    return float((chosen * np.sqrt(a) * np.exp(-2 * y) * special.kve(0.25, y)).sum() / np.sqrt(x))


def permuted(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return counts of many deals of all samples to both sides."""
    pooled = (rows.before + rows.now).astype(np.int64)
    now = rng.multivariate_hypergeometric(pooled, rows.sizes[1], size=PERMUTATIONS, method="marginals")
    return Rows(pooled - now, now)


def _shuffled(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return the same where there are many values and few samples."""
    pooled = rows.before + rows.now
    places = np.repeat(np.arange(len(pooled)), pooled)
    now = np.zeros((PERMUTATIONS, len(pooled)), dtype=np.int64)
    for row in now:
        np.add.at(row, rng.permutation(places)[: rows.sizes[1]], 1)
    return Rows(pooled - now, now)


def _of_permutations(drawn: Array, statistic: float, limit: float) -> float:
    reached = int((drawn >= statistic * (1 - 1e-9)).sum())
    p = (1 + reached) / (1 + len(drawn))
    return min(p, limit) if not reached else p


def _merged(rows: Rows, expected: Array) -> Rows:
    """Return the table whose rare cells are one, with the rarest other cell if they are still too few together."""
    order = np.argsort(expected, kind="stable")
    rare = max(int((expected < _LEAST).sum()), 1)
    if expected[order[:rare]].sum() < _LEAST and rare < len(order):
        rare += 1
    first, rest = order[:rare], order[rare:]
    return Rows(*(np.append(part[rest], part[first].sum()) for part in rows))
