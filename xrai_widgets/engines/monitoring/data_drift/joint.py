"""All columns together: a kernel test and a classifier."""

from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array, Constraint, Step
from xrai_widgets.engines.monitoring.data_drift.mmd import Discrepancy, discrepancy, standardised
from xrai_widgets.engines.monitoring.data_drift.two_sample import Separation, separation

FEWEST = 20  # rows of either side
MMD_ROWS = 5000


@dataclass(frozen=True)
class Joint:
    """Both tests, how many rows of either side each looked at, and why there are none."""

    discrepancy: Discrepancy | None = None
    separation: Separation | None = None
    mmd_rows: tuple[int, int] = (0, 0)
    rows: tuple[int, int] = (0, 0)
    reason: str = ""


def joint_drift(
    X: Array,
    X_new: Array,
    constraints: tuple[Constraint, ...],
    max_rows: int,
    memory_limit: float,
    seed: int,
    step: Step,
) -> Joint:
    """Return both tests of two tables."""
    if min(len(X), len(X_new)) < FEWEST:
        return Joint(reason=f"all columns together: not tested, either side needs {FEWEST} rows")
    few = [part[_drawn(len(part), MMD_ROWS, [seed, place])] for place, part in enumerate((X, X_new), 1)]
    kernel = discrepancy(
        *standardised(*few, constraints), memory_limit, np.random.default_rng([seed, 3]), step.part(0.0, 0.3)
    )
    many = [_drawn(len(part), max_rows, [seed, place]) for place, part in enumerate((X, X_new), 4)]
    trees = separation(X[many[0]], X_new[many[1]], constraints, seed, step.part(0.3, 1.0))
    scored = (many[0][trees.rows[0]], many[1][trees.rows[1]])
    return Joint(kernel, replace(trees, rows=scored), (len(few[0]), len(few[1])), (len(many[0]), len(many[1])))


def _drawn(n: int, most: int, seed: list[int]) -> Array:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])
