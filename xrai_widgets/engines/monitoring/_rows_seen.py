"""Rows that are there twice, or were there before: by the contents of all their cells."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import Estimate, newcombe, wilson


def marks_of(X: Array) -> Array:
    """Return a 64-bit mark of each row (n,): equal for equal rows, missing numbers being equal."""
    flat = pd.DataFrame(np.asarray(X, dtype=np.float64).reshape(len(X), -1) + 0.0)  # −0 becomes 0
    marks: Array = pd.util.hash_pandas_object(flat, index=False).to_numpy()
    return marks


def repeated(marks: Array) -> Array:
    """Return whether each row equals an earlier one."""
    again = np.ones(len(marks), dtype=bool)
    again[np.unique(marks, return_index=True)[1]] = False
    return again


@dataclass(frozen=True)
class Excess:
    """Which rows of the batch it is about, and how much larger their share is than in the baseline."""

    rows: Array
    share: Estimate


def duplicates(before: Array, now: Array, seed: int) -> Excess:
    """Return the rows of the batch that equal an earlier row of it; in as many rows of the baseline some do, too."""
    few = np.random.default_rng([seed, 1]).permutation(before)[: len(now)]
    again = repeated(now)
    return Excess(again, newcombe(_share(again), _share(repeated(few))))


def leaked(before: Array, now: Array, training: Array) -> Excess:
    """Return the rows of the batch that equal a training sample; some rows of the baseline do, too."""
    seen = np.isin(now, training)
    return Excess(seen, newcombe(_share(seen), _share(np.isin(before, training))))


def _share(rows: Array) -> Estimate:
    return wilson(int(rows.sum()), len(rows))
