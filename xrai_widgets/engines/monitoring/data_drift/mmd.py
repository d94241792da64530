"""Maximum mean discrepancy of two tables, and its p-value by permutation."""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array, Constraint, Step
from xrai_widgets.engines._rows import rows_at_once

PERMUTATIONS = 199
_MEDIAN_OF = 500  # rows of either whose distances set the width


class Discrepancy(NamedTuple):
    """The unbiased estimate of MMD² and its p-value."""

    mmd2: float
    p: float


def discrepancy(before: Array, now: Array, memory_limit: float, rng: np.random.Generator, step: Step) -> Discrepancy:
    """Return MMD² (Gretton et al. 2012, equation 3) of two tables of standardised numbers, none missing.

    The kernel is the mean of three Gaussian ones, σ the median distance times ½, 1 and 2. All sums of all permutations
    are one product with each block of the Gram matrix, which is never held whole.
    """
    both = np.concatenate([before, now]).astype(np.float32)
    n, m = len(before), len(now)
    width = _width(both, n, rng)
    labels = np.zeros((n + m, PERMUTATIONS + 1), dtype=np.float32)
    labels[:n, 0] = 1
    for column in range(1, PERMUTATIONS + 1):
        labels[rng.permutation(n + m)[:n], column] = 1
    norms = np.square(both).sum(axis=1)
    within, all_of_first, total = np.zeros(PERMUTATIONS + 1), np.zeros(PERMUTATIONS + 1), 0.0
    size = min(rows_at_once(memory_limit, 3, n + m, ()), 1024)
    blocks = range(0, n + m, size)
    for start in step.over(list(blocks), "comparing rows in pairs"):
        rows = slice(start, min(start + size, n + m))
        gram = _kernel(both[rows], both, norms[rows], norms, width)
        gram[np.arange(gram.shape[0]), np.arange(rows.start, rows.stop)] = 0.0
        sums = gram.sum(axis=1, dtype=np.float64)
        within += (labels[rows] * (gram @ labels)).sum(axis=0, dtype=np.float64)
        all_of_first += labels[rows].T.astype(np.float64) @ sums
        total += float(sums.sum())
    across = all_of_first - within
    other = total - within - 2 * across
    estimates = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
    reached = int((estimates[1:] >= estimates[0]).sum())
    return Discrepancy(float(estimates[0]), (1 + reached) / (1 + PERMUTATIONS))


def gaussian(first: Array, second: Array, sigma: float) -> Array:
    """Return the Gaussian kernel of rows (n, d) and (m, d)."""
    squared = np.square(first[:, None] - second[None]).sum(axis=2)
    kernel: Array = np.exp(-squared / (2 * sigma**2))
    return kernel


def _kernel(rows: Array, both: Array, mine: Array, norms: Array, width: float) -> Array:
    squared = np.maximum(mine[:, None] + norms[None] - 2 * (rows @ both.T), 0)
    wide = np.exp(squared / np.float32(-8 * width**2))  # σ = 2 · width: the others are powers of it
    middle = np.square(np.square(wide))
    mixture: Array = (wide + middle + np.square(np.square(middle))) / 3
    return mixture


def _width(both: Array, n: int, rng: np.random.Generator) -> float:
    drawn = np.concatenate([part[rng.permutation(len(part))[:_MEDIAN_OF]] for part in (both[:n], both[n:])]).astype(
        np.float64
    )
    squared = np.square(drawn).sum(axis=1)
    distances = squared[:, None] + squared[None] - 2 * drawn @ drawn.T
    apart = distances[np.triu_indices(len(drawn), 1)]
    middle = float(np.sqrt(np.median(apart[apart > 1e-12]))) if (apart > 1e-12).any() else 1.0
    return middle or 1.0


def standardised(before: Array, now: Array, constraints: tuple[Constraint, ...]) -> tuple[Array, Array]:
    """Return both tables in the baseline's robust units: numbers by IQR, categories one-hot / √2.

    A missing number becomes the baseline's median, and a column says where one is missing.
    """
    parts: list[tuple[Array, Array]] = []
    for column in range(before.shape[1]):
        a, b = before[:, column], now[:, column]
        if constraints and constraints[column].kind == "category":
            codes = np.unique(np.concatenate([a, b]))
            parts.append(((a[:, None] == codes) / np.sqrt(2), (b[:, None] == codes) / np.sqrt(2)))
            continue
        present = a[~np.isnan(a)]
        centre = float(np.median(present)) if len(present) else 0.0
        low, high = np.quantile(present, [0.25, 0.75]) if len(present) else (0.0, 1.0)
        spread = (high - low) / 1.349 or float(np.std(present)) if len(present) else 1.0
        filled = [np.where(np.isnan(part), centre, part) for part in (a, b)]
        parts.append(tuple(((part - centre) / (spread or 1.0))[:, None] for part in filled))  # type: ignore[arg-type]  # two
        if np.isnan(a).any() or np.isnan(b).any():
            parts.append((np.isnan(a)[:, None].astype(float), np.isnan(b)[:, None].astype(float)))
    return np.hstack([a for a, _ in parts]), np.hstack([b for _, b in parts])
