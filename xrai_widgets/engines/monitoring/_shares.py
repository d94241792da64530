"""Two rows of shares: how far they lie apart, with intervals by redraws of the counts.

Masses are non-negative and sum to 1, (B,) or many rows of them (…, B). Counts are those of two samples in the same
cells.
"""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import LEVEL, Estimate

DRAWS = 1000  # redraws of the counts for an interval
_FEWEST = 4  # samples a cell, on average: below it the smoothed index has no upper end


class Rows(NamedTuple):
    """Counts (B,) of the baseline and of the batch, in the same cells."""

    before: Array
    now: Array

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of samples of either."""
        return int(self.before.sum()), int(self.now.sum())

    def occupied(self) -> "Rows":
        """Return the cells that hold a sample of either."""
        there = (self.before + self.now) > 0
        return Rows(self.before[there], self.now[there])


def psi_of(p: Array, q: Array) -> Array:
    """Return the population stability index of masses: Σ (q − p) ln(q / p) over all bins."""
    index: Array = np.sum((q - p) * np.log(q / p), axis=-1)
    return index


def js_of(p: Array, q: Array) -> Array:
    """Return the Jensen–Shannon divergence of masses in bits (Lin 1991); the distance is its square root."""
    middle = (p + q) / 2

    def against(part: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(part > 0, part * np.log2(part / middle), 0.0)
        summed: Array = terms.sum(axis=-1)
        return summed

    return np.maximum((against(p) + against(q)) / 2, 0.0)


def smoothed(counts: Array) -> Array:
    """Return counts as masses without zeros: (c + 0.5) / (n + B / 2)."""
    masses: Array = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + counts.shape[-1] / 2)
    return masses


def excess(rows: Rows) -> float:
    """Return what a stability index of two samples of one population is on average: (B − 1)(1/n + 1/m)."""
    n, m = rows.sizes
    return (len(rows.before) - 1) * (1 / n + 1 / m)


def redrawn(counts: Array, rng: np.random.Generator, draws: int) -> Array:
    """Return counts (draws, B) of as many samples, drawn with the shares of these."""
    drawn: Array = rng.multinomial(int(counts.sum()), counts / counts.sum(), size=draws)
    return drawn


class Apart(NamedTuple):
    """How far two rows of counts lie apart: three statistics with intervals, and the chi-square statistic."""

    psi: Estimate
    js: Estimate
    v: Estimate


def apart(rows: Rows, rng: np.random.Generator, draws: int = DRAWS) -> Apart:
    """Return the stability index, Jensen–Shannon distance and Cramér's V of two samples, with 95 % intervals.

    Notes
    -----
    The index is smoothed and less its excess; V is that of Bergsma (2013); the distance is that of the raw shares. An
    interval holds the middle 95 % of redraws of both rows, each less the excess twice (once for the samples, once for
    the redraw), from 0 on: of clean samples at most 2.5 % are wholly above 0. Where either sample holds fewer than four
    a cell, smoothing hides most of the index, and it has no upper end.
    """
    rows = rows.occupied()
    if len(rows.before) < 2:
        nothing = Estimate(0.0, 0.0, 0.0)
        return Apart(nothing, nothing, nothing)
    before, now = (redrawn(part, rng, draws) for part in rows)
    over, total = excess(rows), sum(rows.sizes)
    psi = float(psi_of(smoothed(rows.before), smoothed(rows.now))) - over
    drawn_psi = psi_of(smoothed(before), smoothed(now)) - 2 * over
    shares = [part / part.sum(axis=-1, keepdims=True) for part in (rows.before, rows.now, before, now)]
    drawn_js = js_of(shares[2], shares[3]) - 2 * over / (8 * np.log(2))
    cells = len(rows.before) - 1
    drawn_phi = phi_square(before, now) - 2 * cells / (total - 1)
    index = _middle(max(psi, 0.0), drawn_psi)
    if min(rows.sizes) < _FEWEST * len(rows.before):
        index = index._replace(high=float("inf"))
    return Apart(
        index,
        _middle(float(np.sqrt(js_of(shares[0], shares[1]))), np.sqrt(np.maximum(drawn_js, 0.0))),
        _middle(bergsma(rows), _scaled(drawn_phi, cells, total)),
    )


def _middle(value: float, drawn: Array) -> Estimate:
    low, high = np.maximum(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]), 0.0)
    return Estimate(value, min(float(low), value), max(float(high), value))


def chi_square(rows: Rows) -> float:
    """Return Pearson's statistic of the table of both rows, the expected counts pooled."""
    rows = rows.occupied()
    return float(phi_square(rows.before, rows.now)) * sum(rows.sizes)


def phi_square(before: Array, now: Array) -> Array:
    """Return Pearson's statistic over the number of samples, of many pairs of rows."""
    n, m = before.sum(axis=-1, keepdims=True), now.sum(axis=-1, keepdims=True)
    pooled = before + now
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(pooled > 0, np.square(before / n - now / m) / pooled, 0.0)
    phi: Array = (n * m)[..., 0] * terms.sum(axis=-1) / (n + m)[..., 0]
    return phi


def bergsma(rows: Rows) -> float:
    """Return Cramér's V of two rows with the correction of Bergsma (2013)."""
    rows = rows.occupied()
    cells, total = len(rows.before) - 1, sum(rows.sizes)
    if cells < 1:
        return 0.0
    return float(_scaled(phi_square(rows.before, rows.now) - cells / (total - 1), cells, total))


def _scaled(phi: Array, cells: int, total: int) -> Array:
    """Return V of corrected φ² of tables with two rows and ``cells`` + 1 columns."""
    columns = cells + 1 - cells**2 / (total - 1)
    rows = 2 - 1 / (total - 1)
    v: Array = np.sqrt(np.maximum(phi, 0.0) / max(min(columns, rows) - 1, 1e-12))
    return np.minimum(v, 1.0)
